import type { IncomingHttpHeaders } from 'node:http';
import type { Application } from '@nocobase/server';
import { RecentMap } from './recent-map';

/**
 * NocoBase keeps objects by texts that a client sends, and never drops one: an identity provider for each `Host`, a
 * translator for each `X-Locale`, the tools of the Model Context Protocol for each `X-Mcp-Packages`. Here these maps are
 * bounded. What is dropped is built anew when it is needed.
 */

/** Addresses of one application; each provider has about 90 KB. */
const MAX_PROVIDERS = 20;
/** Languages in use at the same time. */
const MAX_TRANSLATORS = 50;
const MAX_LANGUAGES = 500;
/** Lists of tools; each may have megabytes. */
const MAX_TOOL_LISTS = 8;

type Holder = Record<string, unknown>;

/** Replaces the map in a member by a bounded one, with what it holds. False if there is no map. */
function bound(holder: Holder, member: string, max: number): boolean {
  const map = holder[member];
  if (map instanceof RecentMap) return true;
  if (!(map instanceof Map)) return false;
  const bounded = new RecentMap<unknown, unknown>(max);
  for (const [key, value] of map as Map<unknown, unknown>) bounded.set(key, value);
  holder[member] = bounded;
  return true;
}

interface Plugins {
  get(name: string): (Holder & { service?: Holder }) | undefined;
}

/** Applications that were told already which maps are missing. */
const warned = new WeakSet<object>();

/**
 * Bounds the maps of an instance, of the main application as well. Call it again after each load: plugins are new objects
 * then.
 */
export function boundVisitorMaps(app: Application): void {
  const plugins = app.pm as unknown as Plugins;
  const locales = app.localeManager as unknown as Holder | undefined;
  const oauth = plugins.get('idp-oauth');
  const tools = plugins.get('mcp-server');
  const maps: [string, Holder | undefined, string, number][] = [
    ['localeManager', locales, 'i18nInstances', MAX_TRANSLATORS],
    ['localeManager', locales, 'resourceCached', MAX_LANGUAGES],
    ['mcp-server', tools, 'mcpToolsCache', MAX_TOOL_LISTS],
    ['idp-oauth', oauth && (oauth.service ?? {}), 'providers', MAX_PROVIDERS],
    ['idp-oauth', oauth && (oauth.service ?? {}), 'resourceJwks', MAX_PROVIDERS],
  ];
  const missing = maps.flatMap(([owner, holder, member, max]) =>
    !holder || bound(holder, member, max) ? [] : [`${owner}.${member}`],
  );
  if (missing.length === 0 || warned.has(app)) return;
  warned.add(app);
  app.log.warn('maps that clients fill are not bounded: this version of NocoBase lacks members', { missing });
}

interface OriginContext {
  headers?: IncomingHttpHeaders;
  protocol?: string;
  host?: string;
  req?: { socket?: { remoteAddress?: string } };
}

type GetOrigin = (ctx: OriginContext) => string;

/** Services whose origin is confined already. */
const confined = new WeakSet<object>();

/**
 * Lets the identity provider of an application believe `X-Forwarded-Host` of trusted proxies only, as the router does.
 * Of `X-Forwarded-Proto` it takes the schemes of the web: proxies that keep the `Host` need not be listed.
 */
export function confineOrigins(app: Application, isTrusted: (address: string | undefined) => boolean): void {
  const service = (app.pm as unknown as Plugins).get('idp-oauth')?.service;
  if (!service || typeof service.getOrigin !== 'function' || confined.has(service)) return;
  confined.add(service);
  const getOrigin = service.getOrigin.bind(service) as GetOrigin;
  service.getOrigin = (ctx: OriginContext) => {
    if (isTrusted(ctx.req?.socket?.remoteAddress)) return getOrigin(ctx);
    const [first = ''] = String(ctx.headers?.['x-forwarded-proto'] ?? '').split(',');
    const scheme = first.trim();
    const headers = /^https?$/.test(scheme) ? { 'x-forwarded-proto': scheme } : {};
    return getOrigin({ headers, protocol: ctx.protocol, host: ctx.host });
  };
}

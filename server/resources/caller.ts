import type { Context } from '@nocobase/actions';
import type { BlockList } from 'node:net';
import type { Actor } from '../../src/events';
import { actorOf, rememberOrigin, type CallerState, type Origin } from '../actor';
import { clientAddress } from '../client-address';

const API_KEYS = 'apiKeys';

/** What the token says that the caller showed; NocoBase has verified it. */
function claimsOf(token: string | undefined): { temp?: boolean; roleName?: string } {
  try {
    return JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString()) as object;
  } catch {
    return {};
  }
}

/** The name of the API key that the caller showed, empty where it is not known; undefined for a session. */
async function apiKeyOf(ctx: Context): Promise<string | undefined> {
  const token = (ctx as { getBearerToken?: () => string | undefined }).getBearerToken?.();
  const { temp, roleName } = claimsOf(token);
  // As NocoBase tells them apart: a key is bound to a role, and no session.
  if (token === undefined || temp || !roleName) return undefined;
  if (!ctx.db.hasCollection(API_KEYS)) return '';
  const row = (await ctx.db.getRepository(API_KEYS).findOne({ filter: { token }, fields: ['name'] })) as {
    get(field: string): string | null;
  } | null;
  return row?.get('name') ?? '';
}

/** Who makes this call, with what and from where; what is written on its behalf is told with the same. */
export async function callerOf(ctx: Context, trusted: BlockList): Promise<Actor> {
  const state = ctx.state as CallerState & { currentRole?: unknown };
  if (actorOf(state).kind === 'user') {
    const { currentRole } = state;
    const [apiKey, address] = [await apiKeyOf(ctx), clientAddress(ctx.req, trusted)];
    const origin: Origin = {
      // That of all roles of a user together has no name for people.
      ...(typeof currentRole === 'string' && !currentRole.startsWith('__') ? { role: currentRole } : {}),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(address === undefined ? {} : { address }),
    };
    rememberOrigin(state, origin);
  }
  return actorOf(state);
}

import { BlockList, isIP } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { originOf } from '../src/app-address';
import { DEFAULT_BACKOFF } from '../src/policies/backoff';
import { LIMIT_NAMES, LIMITS, limitVariable, type Limits } from '../src/policies/limits';
import type { QuarantineConfig } from '../src/policies/quarantine';
import { getHeapStatistics } from 'node:v8';
import { FAULT_WINDOW_MS, type FaultLimit } from '../src/policies/fault-intensity';
import { RELOAD_WINDOW_MS, type ReloadLimit } from '../src/policies/reloads';
import { normalizeHost } from '../src/host-name';
import { readSizes, type SizeConfig } from './size-config';

/** What the environment says about the supervisor. Documented in `docs/environment.md`; a test compares the two. */
export interface SupervisorConfig {
  /** Domains below which `<name>.<base domain>` is an application's address; normalized. */
  baseDomains: string[];
  /** Hosts by which the main application is reached; normalized. */
  mainHosts: ReadonlySet<string>;
  /** Whether pages of applications are served below `/apps/<name>/`. */
  pathAccess: boolean;
  /** The main application's address, for full links: `https://host[:port]`. */
  origin: string;
  /** Peers whose `X-Forwarded-Host` counts. */
  trustedProxies: BlockList;
  /** How long a held request waits before it is answered with APP_WAIT_TIMEOUT. */
  waitTimeoutMs: number;
  /** How many requests one application may hold; 0 means that none is held. */
  maxWaiting: number;
  /** After this time a boot is given up. */
  bootTimeoutMs: number;
  /** How many applications boot or are made at the same time; at least 1. */
  bootConcurrency: number;
  /** How many applications are upgraded at the same time by `applications:upgrade`, within the above; at least 1. */
  upgradeConcurrency: number;
  /** How long Stop waits for the requests in flight. */
  drainTimeoutMs: number;
  /** Backoff and quarantine of applications that fail. */
  quarantine: QuarantineConfig;
  /** Database connections of this process to the main application's server; 0 means: found out from the server. */
  maxConnections: number;
  /** Database connections that one application normally has at most; at least 1. */
  appPoolMax: number;
  /** How long a request waits for a database connection. */
  connectionTimeoutMs: number;
  /** After this time without use an application is put to sleep; 0 means never. */
  idleTimeoutMs: number;
  /** How many applications may run at a time before the least used one is put to sleep; 0 means any number. */
  maxRunning: number;
  /** Memory of the process (RSS, megabytes) above which the least used applications are put to sleep; 0 means any. */
  maxMemoryMb: number;
  /** How often it is looked for what may sleep. */
  sleepIntervalMs: number;
  /** How long the end of the process may take; requests in flight are waited for within it. */
  shutdownTimeoutMs: number;
  /** How long a removed application can be restored; 0 means not at all. */
  removalRetentionMs: number;
  /** How long an archive of an application is kept; 0 means until somebody deletes it. */
  archiveRetentionMs: number;
  /** What an archive that is imported may have, in bytes. */
  archiveMaxBytes: number;
  /** After this time the dump or the restoring of a database is given up. */
  archiveTimeoutMs: number;
  /** How many uncaught exceptions of one application are borne. */
  faults: FaultLimit;
  /** How often an application may reload itself. */
  reloads: ReloadLimit;
  /** The limits of every application that has no values of its own. */
  limits: Limits;
  /** How large requests and messages may be. */
  sizes: SizeConfig;
  /** Whether applications start by the shortcuts of `lifecycle/fast-start/`. */
  fastStart: boolean;
  /** Whether new applications are copied from template databases. */
  templates: boolean;
  /** Whether the administrators of applications are trusted like those of main: they may add and remove plugins. */
  tenantPlugins: boolean;
  /** Where the leader lock is asked for, if not at the main database's own address: past a pooler. */
  lockAddress: { host?: string; port?: number };
  /** `API_BASE_PATH`, `APP_PUBLIC_PATH` and `WS_PATH` of NocoBase, with its defaults. */
  apiBasePath: string;
  publicPath: string;
  wsPath: string;
}

type Warn = (message: string) => void;

/** A spell without failure after which earlier failures are forgotten. */
const HEALTHY_AFTER_MS = 60_000;

/**
 * How many boots at a time, by the number of processors. One JavaScript thread does most of the work of all of them: a
 * second one uses the waiting of the first, a third the other processors' share (database, compression).
 */
function defaultConcurrency(processors = availableParallelism()): number {
  if (processors === 1) return 1;
  return processors <= 4 ? 2 : 3;
}

/** A whole number of at least `min`; anything else is reported and replaced by the default. */
function wholeNumber(
  env: NodeJS.ProcessEnv,
  name: string,
  fallback: number,
  min: number,
  warn: Warn,
  max = 2_000_000,
): number {
  const text = env[name];
  if (text === undefined || text.trim() === '') return fallback;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === 2_000_000 ? `of at least ${min}` : `from ${min} to ${max}`;
  warn(`${name} must be a whole number ${range}; ${fallback} is used instead`);
  return fallback;
}

/** The limits by the variables that `limitVariable` names. */
function defaultLimits(env: NodeJS.ProcessEnv, warn: Warn): Limits {
  const values = LIMIT_NAMES.map((name) => {
    const { fallback, min, max } = LIMITS[name];
    return [name, wholeNumber(env, limitVariable(name), fallback, min, warn, max)] as const;
  });
  return Object.fromEntries(values) as Record<(typeof LIMIT_NAMES)[number], number>;
}

/** An estimate of what the process holds besides V8's heap: code, buffers, stacks. */
const BESIDE_HEAP_BYTES = 256 * 2 ** 20;

/**
 * Four fifths of what the process can have: of the memory of its machine or container, or of V8's heap, beyond which
 * the process ends with all applications in it.
 */
function defaultMaxMemoryMb(): number {
  const { constrainedMemory } = process as { constrainedMemory?: () => number };
  // 0, or a huge number, where nothing is constrained.
  const memory = Math.min(totalmem(), constrainedMemory?.() || Infinity);
  const bytes = Math.min(memory * 0.8, getHeapStatistics().heap_size_limit * 0.8 + BESIDE_HEAP_BYTES);
  return Math.max(1, Math.min(2_000_000, Math.floor(bytes / 2 ** 20)));
}

/** On, unless `off` or `false` is said; anything but these, `on` and `true` is reported. */
function unlessOff(env: NodeJS.ProcessEnv, name: string, warn: Warn): boolean {
  const text = (env[name] ?? '').trim().toLowerCase();
  if (text === 'off' || text === 'false') return false;
  if (!['', 'on', 'true'].includes(text)) warn(`${name} must be on or off; on is used instead`);
  return true;
}

/** Off, unless `on` or `true` is given; anything but these, `off` and `false` is reported. */
function onlyIfOn(env: NodeJS.ProcessEnv, name: string, warn: Warn): boolean {
  const text = (env[name] ?? '').trim().toLowerCase();
  if (text === 'on' || text === 'true') return true;
  if (!['', 'off', 'false'].includes(text)) warn(`${name} must be on or off; off is used instead`);
  return false;
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

function proxies(env: NodeJS.ProcessEnv, warn: Warn): BlockList {
  const blocks = new BlockList();
  const entries =
    env.APP_SUPERVISOR_TRUSTED_PROXIES === undefined ? ['loopback'] : list(env.APP_SUPERVISOR_TRUSTED_PROXIES);
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address);
    const bits = prefix === undefined ? undefined : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
    const longest = family === 6 ? 128 : 32;
    if (entry === 'loopback') {
      blocks.addSubnet('127.0.0.0', 8, 'ipv4');
      blocks.addAddress('::1', 'ipv6');
    } else if (!family || (bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits <= longest))) {
      warn(
        'APP_SUPERVISOR_TRUSTED_PROXIES holds an entry that is neither "loopback", an address nor a subnet; it is ignored',
      );
    } else {
      blocks.addSubnet(address, bits ?? longest, family === 6 ? 'ipv6' : 'ipv4');
    }
  }
  return blocks;
}

/** `host`, `host:port` or `[address]:port`. */
function lockAddress(env: NodeJS.ProcessEnv, warn: Warn): SupervisorConfig['lockAddress'] {
  const text = (env.APP_SUPERVISOR_LOCK_ADDRESS ?? '').trim();
  if (text === '') return {};
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host !== undefined && (port === undefined || (Number(port) > 0 && Number(port) < 65_536))) {
    return { host, ...(port !== undefined && { port: Number(port) }) };
  }
  warn('APP_SUPERVISOR_LOCK_ADDRESS must be a host with or without a port; the address of the main database is used');
  return {};
}

function mainHosts(env: NodeJS.ProcessEnv, warn: Warn): ReadonlySet<string> {
  const hosts = new Set(env.APP_PUBLIC_ORIGIN ? [new URL(originOf(env)).hostname] : []);
  for (const entry of list(env.APP_SUPERVISOR_MAIN_HOSTS)) {
    const host = normalizeHost(entry);
    if (host === undefined) warn('APP_SUPERVISOR_MAIN_HOSTS holds an entry that is not a host name; it is ignored');
    else hosts.add(host);
  }
  return hosts;
}

function basePath(value: string | undefined, fallback: string): string {
  const path = (value || fallback).replace(/\/+/g, '/').replace(/\/$/, '');
  return path.startsWith('/') || path === '' ? path : `/${path}`;
}

/** Reads the environment once; wrong values are reported through `warn` and replaced by defaults. */
export function readConfig(env: NodeJS.ProcessEnv, warn: Warn): SupervisorConfig {
  const baseDomains = list(env.APP_SUPERVISOR_BASE_DOMAIN).flatMap((entry) => {
    const host = normalizeHost(entry);
    if (!host) warn('APP_SUPERVISOR_BASE_DOMAIN holds an entry that is not a host name; it is ignored');
    return host ? [host] : [];
  });
  const seconds = (name: string, fallback: number, min: number) => wholeNumber(env, name, fallback, min, warn) * 1_000;
  return {
    baseDomains,
    mainHosts: mainHosts(env, warn),
    pathAccess: unlessOff(env, 'APP_SUPERVISOR_PATH_ACCESS', warn),
    origin: originOf(env),
    trustedProxies: proxies(env, warn),
    waitTimeoutMs: seconds('APP_SUPERVISOR_WAIT_TIMEOUT', 55, 1),
    maxWaiting: wholeNumber(env, 'APP_SUPERVISOR_MAX_WAITING', 100, 0, warn),
    bootTimeoutMs: seconds('APP_SUPERVISOR_BOOT_TIMEOUT', 180, 1),
    bootConcurrency: wholeNumber(env, 'APP_SUPERVISOR_BOOT_CONCURRENCY', defaultConcurrency(), 1, warn),
    upgradeConcurrency: wholeNumber(env, 'APP_SUPERVISOR_UPGRADE_CONCURRENCY', 1, 1, warn),
    drainTimeoutMs: seconds('APP_SUPERVISOR_DRAIN_TIMEOUT', 10, 0),
    quarantine: {
      backoff: DEFAULT_BACKOFF,
      quarantineAfter: wholeNumber(env, 'APP_SUPERVISOR_QUARANTINE_AFTER', 5, 0, warn),
      healthyAfterMs: HEALTHY_AFTER_MS,
    },
    maxConnections: wholeNumber(env, 'APP_SUPERVISOR_MAX_CONNECTIONS', 0, 0, warn),
    appPoolMax: wholeNumber(env, 'APP_SUPERVISOR_APP_POOL_MAX', 2, 1, warn),
    connectionTimeoutMs: seconds('APP_SUPERVISOR_CONNECTION_TIMEOUT', 30, 1),
    idleTimeoutMs: seconds('APP_SUPERVISOR_IDLE_TIMEOUT', 900, 0),
    maxRunning: wholeNumber(env, 'APP_SUPERVISOR_MAX_RUNNING', 0, 0, warn),
    maxMemoryMb: wholeNumber(env, 'APP_SUPERVISOR_MAX_MEMORY', defaultMaxMemoryMb(), 0, warn),
    sleepIntervalMs: seconds('APP_SUPERVISOR_SLEEP_INTERVAL', 30, 1),
    shutdownTimeoutMs: seconds('APP_SUPERVISOR_SHUTDOWN_TIMEOUT', 20, 1),
    removalRetentionMs: wholeNumber(env, 'APP_SUPERVISOR_REMOVAL_RETENTION', 7, 0, warn) * 86_400_000,
    archiveRetentionMs: wholeNumber(env, 'APP_SUPERVISOR_ARCHIVE_RETENTION', 7, 0, warn) * 86_400_000,
    archiveMaxBytes: wholeNumber(env, 'APP_SUPERVISOR_ARCHIVE_MAX_SIZE', 20_480, 1, warn) * 2 ** 20,
    archiveTimeoutMs: seconds('APP_SUPERVISOR_ARCHIVE_TIMEOUT', 3_600, 1),
    faults: { max: wholeNumber(env, 'APP_SUPERVISOR_MAX_FAULTS', 10, 0, warn), withinMs: FAULT_WINDOW_MS },
    reloads: { max: wholeNumber(env, 'APP_SUPERVISOR_MAX_RELOADS', 20, 0, warn), withinMs: RELOAD_WINDOW_MS },
    limits: defaultLimits(env, warn),
    sizes: readSizes((name, fallback, min) => wholeNumber(env, name, fallback, min, warn), env.REQUEST_BODY_LIMIT),
    fastStart: unlessOff(env, 'APP_SUPERVISOR_FAST_START', warn),
    templates: unlessOff(env, 'APP_SUPERVISOR_TEMPLATES', warn),
    tenantPlugins: onlyIfOn(env, 'APP_SUPERVISOR_TENANT_PLUGINS', warn),
    lockAddress: lockAddress(env, warn),
    apiBasePath: basePath(env.API_BASE_PATH, '/api'),
    publicPath: basePath(env.APP_PUBLIC_PATH, '/'),
    wsPath: basePath(env.WS_PATH, '/ws'),
  };
}

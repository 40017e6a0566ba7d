import { LIMIT_NAMES, LIMITS, limitVariable } from '../../src/policies/limits';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { readConfig, type SupervisorConfig } from '../../server/config';
import { DEFAULT_BACKOFF } from '../../src/policies/backoff';

function read(env: Record<string, string | undefined>): { config: SupervisorConfig; warnings: string[] } {
  const warnings: string[] = [];
  return { config: readConfig(env, (message) => warnings.push(message)), warnings };
}

type NumberField =
  | ('waitTimeoutMs' | 'maxWaiting' | 'bootTimeoutMs' | 'bootConcurrency' | 'drainTimeoutMs' | 'shutdownTimeoutMs')
  | 'upgradeConcurrency'
  | ('removalRetentionMs' | 'archiveRetentionMs')
  | ('idleTimeoutMs' | 'maxRunning' | 'sleepIntervalMs' | 'archiveTimeoutMs');

const numbers: { variable: string; field: NumberField; fallback: number; min: number; unit: number }[] = [
  { variable: 'APP_SUPERVISOR_WAIT_TIMEOUT', field: 'waitTimeoutMs', fallback: 55, min: 1, unit: 1_000 },
  { variable: 'APP_SUPERVISOR_MAX_WAITING', field: 'maxWaiting', fallback: 100, min: 0, unit: 1 },
  { variable: 'APP_SUPERVISOR_BOOT_TIMEOUT', field: 'bootTimeoutMs', fallback: 180, min: 1, unit: 1_000 },
  { variable: 'APP_SUPERVISOR_BOOT_CONCURRENCY', field: 'bootConcurrency', fallback: 2, min: 1, unit: 1 },
  { variable: 'APP_SUPERVISOR_UPGRADE_CONCURRENCY', field: 'upgradeConcurrency', fallback: 1, min: 1, unit: 1 },
  { variable: 'APP_SUPERVISOR_DRAIN_TIMEOUT', field: 'drainTimeoutMs', fallback: 10, min: 0, unit: 1_000 },
  { variable: 'APP_SUPERVISOR_IDLE_TIMEOUT', field: 'idleTimeoutMs', fallback: 900, min: 0, unit: 1_000 },
  { variable: 'APP_SUPERVISOR_MAX_RUNNING', field: 'maxRunning', fallback: 0, min: 0, unit: 1 },
  { variable: 'APP_SUPERVISOR_SLEEP_INTERVAL', field: 'sleepIntervalMs', fallback: 30, min: 1, unit: 1_000 },
  { variable: 'APP_SUPERVISOR_SHUTDOWN_TIMEOUT', field: 'shutdownTimeoutMs', fallback: 20, min: 1, unit: 1_000 },
  { variable: 'APP_SUPERVISOR_REMOVAL_RETENTION', field: 'removalRetentionMs', fallback: 7, min: 0, unit: 86_400_000 },
  { variable: 'APP_SUPERVISOR_ARCHIVE_RETENTION', field: 'archiveRetentionMs', fallback: 7, min: 0, unit: 86_400_000 },
  { variable: 'APP_SUPERVISOR_ARCHIVE_TIMEOUT', field: 'archiveTimeoutMs', fallback: 3_600, min: 1, unit: 1_000 },
];

describe('without an environment', () => {
  it('everything has its default, and nothing is warned of', () => {
    const { config, warnings } = read({});
    const { trustedProxies, ...rest } = config;
    expect(rest).toEqual({
      baseDomains: [],
      waitTimeoutMs: 55_000,
      lockAddress: {},
      mainHosts: new Set(),
      pathAccess: true,
      origin: 'http://localhost:13000',
      maxWaiting: 100,
      maxConnections: 0,
      appPoolMax: 2,
      connectionTimeoutMs: 30_000,
      bootTimeoutMs: 180_000,
      bootConcurrency: expect.any(Number) as number,
      upgradeConcurrency: 1,
      drainTimeoutMs: 10_000,
      quarantine: { backoff: DEFAULT_BACKOFF, quarantineAfter: 5, healthyAfterMs: 60_000 },
      idleTimeoutMs: 900_000,
      maxRunning: 0,
      maxMemoryMb: expect.any(Number),
      sleepIntervalMs: 30_000,
      shutdownTimeoutMs: 20_000,
      removalRetentionMs: 7 * 86_400_000,
      archiveRetentionMs: 7 * 86_400_000,
      archiveMaxBytes: 20_480 * 2 ** 20,
      archiveTimeoutMs: 3_600_000,
      limits: {
        ...{ requestSlots: 4, requestQueue: 100, queueTimeout: 10, requestRate: 100, requestBurst: 300, body: 1_024 },
        ...{ websocketConnections: 1_000, websocketMessages: 50, users: 0, storage: 0 },
      },
      faults: { max: 10, withinMs: 60_000 },
      sizes: {
        keepAliveMs: 65_000,
        headerBytes: 65_536,
        urlBytes: 16_384,
        query: { parameters: 1_000, repeated: 100, depth: 20, steps: 20, values: 5_000, names: 1_000 },
        body: { bytes: 10 * 2 ** 20, values: 60_000, depth: 500 },
        anonymousBody: { bytes: 2 ** 20, values: 5_000, depth: 50 },
        records: 1_000,
        importBytes: 10 * 2 ** 20,
        webSocket: {
          message: { bytes: 2 ** 20, values: 5_000, depth: 50 },
          bytes: { perSecond: 2 ** 19, burst: 2 ** 21 },
          appMessages: { perSecond: 500, burst: 5_000 },
          appBytes: { perSecond: 2 ** 22, burst: 2 ** 24 },
        },
      },
      reloads: { max: 20, withinMs: 600_000 },
      fastStart: true,
      templates: true,
      tenantPlugins: false,
      apiBasePath: '/api',
      publicPath: '',
      wsPath: '/ws',
    });
    expect(trustedProxies.check('127.0.0.1')).toBe(true);
    expect(warnings).toEqual([]);
  });
});

describe.each(numbers)('$variable', ({ variable, field, fallback, min, unit }) => {
  const takes = (text: string | undefined, value: number) => {
    const { config, warnings } = read({ [variable]: text });
    expect(config[field]).toBe(value * unit);
    expect(warnings).toEqual([]);
  };

  it.each([undefined, '', '  '])('is %p: the default', (text) => takes(text, fallback));

  it('takes a whole number, the smallest and the largest that are allowed', () => {
    takes('7', 7);
    takes(' 7 ', 7);
    takes(String(min), min);
    takes('2000000', 2_000_000);
  });

  it('yields nothing that a timer would take for "at once"', () => {
    const longest = read({ [variable]: '2000000' }).config[field];
    // Days are compared with a date; nobody sets a timer for them.
    if (unit === 86_400_000) expect(new Date(Date.now() + longest).getTime()).not.toBeNaN();
    else expect(longest).toBeLessThan(2 ** 31);
  });

  const refused = ['-1', '1.5', 'Planted', '7s', '1,000', 'NaN', 'Infinity', '2000001', '9'.repeat(400), 'null'];
  it.each(min === 0 ? refused : ['0', ...refused])('is %p: the default, and a warning that names it', (text) => {
    const { config, warnings } = read({ [variable]: text });
    expect(config[field]).toBe(fallback * unit);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(variable);
    expect(warnings[0]).toContain(`at least ${min}`);
    expect(warnings[0]).not.toMatch(/Planted|999/);
  });
});

describe('APP_SUPERVISOR_MAX_MEMORY', () => {
  const limit = (text?: string) => read({ APP_SUPERVISOR_MAX_MEMORY: text }).config.maxMemoryMb;

  it('is by default less than the machine has, and than the heap may grow to with what stands beside it', () => {
    const memory = limit();
    expect(memory).toBeGreaterThanOrEqual(1);
    expect(memory).toBeLessThan(totalmem() / 2 ** 20);
    expect(memory).toBeLessThanOrEqual(getHeapStatistics().heap_size_limit / 2 ** 20 + 256);
  });

  it('takes megabytes, and 0 for no limit', () => {
    expect([limit('3000'), limit('0'), limit('-1') > 0]).toEqual([3_000, 0, true]);
    expect(read({ APP_SUPERVISOR_MAX_MEMORY: '-1' }).warnings).toHaveLength(1);
  });
});

describe('APP_SUPERVISOR_ARCHIVE_MAX_SIZE', () => {
  it('takes megabytes, at least one', () => {
    expect(read({ APP_SUPERVISOR_ARCHIVE_MAX_SIZE: '3' }).config.archiveMaxBytes).toBe(3 * 2 ** 20);
    const { config, warnings } = read({ APP_SUPERVISOR_ARCHIVE_MAX_SIZE: '0' });
    expect([config.archiveMaxBytes, warnings.length]).toEqual([20_480 * 2 ** 20, 1]);
  });
});

describe('0', () => {
  it('means none, where it is allowed', () => {
    const { config, warnings } = read({ APP_SUPERVISOR_MAX_WAITING: '0', APP_SUPERVISOR_DRAIN_TIMEOUT: '0' });
    expect(config).toMatchObject({ maxWaiting: 0, drainTimeoutMs: 0 });
    expect(warnings).toEqual([]);
  });
});

describe('APP_SUPERVISOR_BASE_DOMAIN', () => {
  it('is a list of hosts, as they are compared', () => {
    const { config, warnings } = read({ APP_SUPERVISOR_BASE_DOMAIN: ' localhost, Apps.Example.com.:13000 ,,' });
    expect(config.baseDomains).toEqual(['localhost', 'apps.example.com']);
    expect(warnings).toEqual([]);
  });

  it('leaves out what is no host, names itself, and repeats nothing', () => {
    const { config, warnings } = read({ APP_SUPERVISOR_BASE_DOMAIN: 'https://Planted.example,localhost' });
    expect(config.baseDomains).toEqual(['localhost']);
    expect(warnings).toEqual([expect.stringContaining('APP_SUPERVISOR_BASE_DOMAIN')]);
    expect(warnings.join()).not.toContain('Planted');
  });
});

describe('APP_SUPERVISOR_TRUSTED_PROXIES', () => {
  const trusts = (value: string | undefined, address: string, family: 'ipv4' | 'ipv6' = 'ipv4') =>
    read({ APP_SUPERVISOR_TRUSTED_PROXIES: value }).config.trustedProxies.check(address, family);

  it('is the loopback by default, and nobody when it is set empty', () => {
    expect(trusts(undefined, '127.0.0.1')).toBe(true);
    expect(trusts(undefined, '127.9.9.9')).toBe(true);
    expect(trusts(undefined, '::1', 'ipv6')).toBe(true);
    expect(trusts(undefined, '10.0.0.1')).toBe(false);
    expect(trusts('', '127.0.0.1')).toBe(false);
    expect(trusts('', '::1', 'ipv6')).toBe(false);
  });

  it('takes addresses and subnets, of both families', () => {
    const list = 'loopback, 10.1.2.3, 192.168.0.0/16, 2001:db8::/32';
    expect(trusts(list, '10.1.2.3')).toBe(true);
    expect(trusts(list, '10.1.2.4')).toBe(false);
    expect(trusts(list, '192.168.255.1')).toBe(true);
    expect(trusts(list, '192.169.0.1')).toBe(false);
    expect(trusts(list, '2001:db8:1::1', 'ipv6')).toBe(true);
    expect(trusts(list, '2001:db9::1', 'ipv6')).toBe(false);
    expect(trusts('0.0.0.0/0', '8.8.8.8')).toBe(true);
  });

  it.each(['Planted', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/x', '::1/129', '10.0.0', '/8', 'proxy.example'])(
    'leaves out "%s", names itself, and repeats nothing',
    (entry) => {
      const { config, warnings } = read({ APP_SUPERVISOR_TRUSTED_PROXIES: `${entry},10.9.9.9` });
      expect(config.trustedProxies.check('10.9.9.9')).toBe(true);
      expect(config.trustedProxies.rules).toHaveLength(1);
      expect(warnings).toEqual([expect.stringContaining('APP_SUPERVISOR_TRUSTED_PROXIES')]);
      expect(warnings.join()).not.toContain(entry);
    },
  );

  it('takes a length only when one is given', () => {
    const { config, warnings } = read({ APP_SUPERVISOR_TRUSTED_PROXIES: '10.0.0.0/' });
    expect(config.trustedProxies.check('11.0.0.1')).toBe(false);
    expect(warnings).toHaveLength(1);
  });
});

describe("the paths of NocoBase's own variables", () => {
  it.each([
    [{ API_BASE_PATH: '/api/' }, { apiBasePath: '/api' }],
    [{ API_BASE_PATH: 'api' }, { apiBasePath: '/api' }],
    [{ API_BASE_PATH: '/nb//api/' }, { apiBasePath: '/nb/api' }],
    [{ API_BASE_PATH: '' }, { apiBasePath: '/api' }],
    [{ APP_PUBLIC_PATH: '/' }, { publicPath: '' }],
    [{ APP_PUBLIC_PATH: '/nb/' }, { publicPath: '/nb' }],
    [{ WS_PATH: '/nb/ws' }, { wsPath: '/nb/ws' }],
    [{ WS_PATH: '' }, { wsPath: '/ws' }],
  ])('are read from %p', (env, expected) => {
    expect(read(env).config).toMatchObject(expected);
  });
});

describe('config: the default limits of applications', () => {
  it.each(LIMIT_NAMES)('reads the default of %s from its variable, within its range', (name) => {
    const { fallback, min, max } = LIMITS[name];
    for (const value of [min, max]) {
      const { config, warnings } = read({ [limitVariable(name)]: String(value) });
      expect(config.limits[name]).toBe(value);
      expect(warnings).toEqual([]);
    }
    for (const text of [String(min - 1), String(max + 1), '1.5', 'many']) {
      const { config, warnings } = read({ [limitVariable(name)]: text });
      expect(config.limits[name]).toBe(fallback);
      expect(warnings).toEqual([expect.stringContaining(limitVariable(name))]);
    }
  });
});

describe('config: the address of the leader lock', () => {
  const cases: [string, object][] = [
    ['', {}],
    ['db.internal', { host: 'db.internal' }],
    ['db.internal:6543', { host: 'db.internal', port: 6543 }],
    ['10.0.0.7:5432', { host: '10.0.0.7', port: 5432 }],
    ['[fd00::7]:5432', { host: 'fd00::7', port: 5432 }],
    ['[fd00::7]', { host: 'fd00::7' }],
  ];
  it.each(cases)('"%s" is read as %j', (text, address) => {
    const { config, warnings } = read({ APP_SUPERVISOR_LOCK_ADDRESS: text });
    expect(config.lockAddress).toEqual(address);
    expect(warnings).toEqual([]);
  });

  it.each(['db:0', 'db:70000', 'postgres://db', 'a b', ':5432', 'db:port'])('"%s" is reported and ignored', (text) => {
    const { config, warnings } = read({ APP_SUPERVISOR_LOCK_ADDRESS: text });
    expect(config.lockAddress).toEqual({});
    expect(warnings).toHaveLength(1);
  });
});

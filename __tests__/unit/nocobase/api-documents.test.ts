import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import {
  addDocument,
  keepApiDocuments,
  keepDocuments,
  type SwaggerManager,
} from '../../../server/nocobase/api-documents';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { SwaggerManager: HostManager } = host('@nocobase/plugin-api-doc/dist/server/swagger/index.js') as {
  SwaggerManager: new (plugin: object) => SwaggerManager;
};
const { merge } = host('@nocobase/plugin-api-doc/dist/server/swagger/merge.js') as {
  merge(one: object, other: object): object;
};

const PLUGINS = readdirSync('host/node_modules/@nocobase').filter((name) => name.startsWith('plugin-'));
const rowOf = (values: Record<string, unknown>) => ({ ...values, get: (field: string) => values[field] });
const plugins = PLUGINS.map((name) => rowOf({ name, packageName: `@nocobase/${name}` }));

interface Query {
  filter?: { name?: { $in?: string[] } };
  limit?: number;
}

const finds = jest.fn();

/** A manager as the host has it, in an application with so many collections. */
function managerOf(collections: number): SwaggerManager {
  const names = Array.from({ length: collections }, (_, index) => `c${index}`);
  const fields = [
    { name: 'title', type: 'string', options: { interface: 'input', uiSchema: {} }, get: () => undefined },
  ];
  const db = {
    getRepository: (repository: string) => ({
      find: ({ filter, limit = Infinity }: Query) => {
        finds(repository);
        const asked = filter?.name?.$in;
        const rows = repository === 'applicationPlugins' ? plugins : names.map((name) => rowOf({ name, title: name }));
        return Promise.resolve(
          rows.filter((row) => !asked || asked.includes(row.get('name') as string)).slice(0, limit),
        );
      },
    }),
    hasCollection: (name: string) => names.includes(name),
    getCollection: (name: string) => ({
      name,
      options: {},
      fields: new Map(fields.map((field) => [field.name, field])),
    }),
  };
  const app = {
    version: { get: () => Promise.resolve('2.2.0') },
    resourcer: { options: { prefix: '/api' } },
    log: { error: () => undefined },
  };
  const manager = new HostManager({ app, db });
  manager.collection2Swagger = (name) =>
    Promise.resolve({ paths: { [`/${name}:list`]: { get: { tags: [name] } } }, tags: [{ name }] });
  return manager;
}

function kept(collections = 3): SwaggerManager {
  const manager = managerOf(collections);
  keepDocuments(manager);
  keepDocuments(manager);
  return manager;
}

/** How often others were served. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  const count = () => {
    turns += 1;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  await work();
  done = true;
  return turns;
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((one) => JSON.stringify(sorted(one))).sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, sorted(member)]));
};

beforeEach(() => finds.mockClear());

describe('the description of the API of an application', () => {
  it.each<[string, (manager: SwaggerManager) => Promise<unknown>]>([
    ['all', (manager) => manager.getSwagger()],
    ['core', (manager) => manager.getCoreSwagger()],
    ['all plugins', (manager) => manager.getPluginsSwagger('')],
    ['one plugin', (manager) => manager.getPluginsSwagger('plugin-workflow')],
    ['all collections', (manager) => manager.getCollectionsSwagger('')],
    ['one collection', (manager) => manager.getCollectionsSwagger('c1')],
    ['links', (manager) => manager.getUrls()],
  ])('is as NocoBase builds it: %s', async (_what, ask) => {
    const original = await ask(managerOf(3));
    const document = await ask(kept());
    expect(sorted(document)).toEqual(sorted(original));
    expect(JSON.stringify(document).length).toBe(JSON.stringify(original).length);
  });

  it('is built in many turns of the event loop', async () => {
    // Each piece of work takes longer than a stretch, however fast the machine is.
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => (now += 11));
    for (const ask of [() => kept().getSwagger(), () => kept().getPluginsSwagger(), () => kept().getUrls()]) {
      expect(await turnsDuring(ask)).toBeGreaterThan(4);
    }
    jest.restoreAllMocks();
  });

  it('is built once for many requests, and one document at a time', async () => {
    const manager = kept();
    const [first, ...others] = await Promise.all(Array.from({ length: 4 }, () => manager.getSwagger()));
    const asked = finds.mock.calls.length;
    for (const document of [...others, await manager.getSwagger()]) expect(document).toBe(first);
    expect(finds.mock.calls.length).toBe(asked);
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    await Promise.all([
      manager.getPluginsSwagger('').then(note('plugins')),
      manager.getCollectionsSwagger('c1').then(note('c1')),
      manager.getCoreSwagger().then(note('core')),
    ]);
    expect(order).toEqual(['plugins', 'c1', 'core']);
  });

  it('is built anew after a while, and if it has failed', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const manager = kept();
      const first = await manager.getCoreSwagger();
      jest.advanceTimersByTime(61_000);
      expect(await manager.getCoreSwagger()).not.toBe(first);
    } finally {
      jest.useRealTimers();
    }
    const failing = managerOf(1);
    const describe = jest.fn().mockRejectedValueOnce(new Error('once')).mockResolvedValue({ tags: [] });
    failing.collection2Swagger = describe;
    keepDocuments(failing);
    await expect(failing.getCollectionsSwagger('c0')).rejects.toThrow('once');
    await expect(failing.getCollectionsSwagger('c0')).resolves.toBeDefined();
  });

  it('of very many collections is asked for one by one', async () => {
    await expect(kept(501).getCollectionsSwagger('')).rejects.toMatchObject({ code: 'APP_VALUE_INVALID' });
    await expect(kept(501).getCollectionsSwagger('c500')).resolves.toBeDefined();
  });

  it('is merged as NocoBase merges', () => {
    const one = { a: { b: 1, c: [1] }, d: 1, e: { f: 1 }, constructor: { x: 1 } };
    const other = { a: { b: 2, c: [2], g: {} }, d: { h: 1 }, e: null, constructor: { y: 2 } };
    expect(addDocument(structuredClone(one), other)).toEqual(merge(one, other));
    expect(other.a.c).toEqual([2]);
    addDocument({}, JSON.parse('{"__proto__":{"polluted":1}}') as Record<string, unknown>);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('stays as NocoBase builds it if that is done in another way', () => {
    const warn = jest.fn();
    const app = (plugin: unknown) => ({ pm: { get: () => plugin }, log: { warn } }) as unknown as Application;
    keepApiDocuments(app(undefined));
    expect(warn).not.toHaveBeenCalled();
    keepApiDocuments(app({ swagger: { getSwagger: () => undefined } }));
    keepApiDocuments(app({}));
    expect(warn).toHaveBeenCalledTimes(2);
  });
});

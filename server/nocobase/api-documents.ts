import type Database from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { isPlainObject } from '../../src/plain-object';
import { phrase } from '../../src/phrase';
import { RecentMap } from './recent-map';
import { Turns } from './turns';

/**
 * For each request, the plugin `api-doc` loads the description files of all plugins again, and copies the growing document once
 * for each plugin. This blocks the event loop for about a second, and every signed-in user may request it. Here an application
 * builds one document at a time, in many turns of the event loop, and keeps it for a short time.
 */

/** Plugins change at a reload only, which makes new objects. */
const KEEP_MS = 60_000;
/** Collections change at any time. */
const KEEP_COLLECTIONS_MS = 5_000;
const MAX_KEPT = 8;
/** In one document; the whole of it is written as one text. */
const MAX_COLLECTIONS = 500;

type Document = Record<string, unknown>;

interface Link {
  url: string;
}

export interface SwaggerManager {
  readonly db: Database;
  getSwagger(): Promise<unknown>;
  getCoreSwagger(): Promise<unknown>;
  getUrls: (this: SwaggerManager) => Promise<Link[]>;
  getPluginsSwagger(name?: string): Promise<unknown>;
  getCollectionsSwagger(name?: string): Promise<unknown>;
  getBaseSwagger(): Promise<Document>;
  collection2Swagger(name: string, withAssociation?: boolean): Promise<Document>;
  loadSwaggers(plugins?: readonly string[]): Promise<Document>;
}

const METHODS = [
  ...['getSwagger', 'getCoreSwagger', 'getUrls', 'getPluginsSwagger', 'getCollectionsSwagger'],
  ...['getBaseSwagger', 'collection2Swagger', 'loadSwaggers'],
] as const;

/**
 * Adds a document to another one, as NocoBase merges them: members of the later one count, and its elements come first.
 * Changes the first one, and none of the objects of the second one.
 */
export function addDocument(target: Document, source: Readonly<Document>): Document {
  for (const [key, value] of Object.entries(source)) {
    if (key === '__proto__') continue;
    const present = Object.hasOwn(target, key) ? target[key] : undefined;
    if (Array.isArray(present) && Array.isArray(value))
      target[key] = [...(value as unknown[]), ...(present as unknown[])];
    else if (isPlainObject(value)) target[key] = addDocument(isPlainObject(present) ? present : {}, value);
    else target[key] = value;
  }
  return target;
}

interface Row {
  get(field: string): unknown;
}

const enabledPlugins = async (db: Database): Promise<Row[]> =>
  (await db.getRepository('applicationPlugins').find({ filter: { enabled: true } })) as Row[];

/** Loads the descriptions of all plugins, one after another. */
async function loadInTurns(
  manager: SwaggerManager,
  load: SwaggerManager['loadSwaggers'],
  turns: Turns,
): Promise<Document> {
  const all: Document = {};
  for (const plugin of await enabledPlugins(manager.db)) {
    addDocument(all, await load([plugin.get('name') as string]));
    await turns.rest();
  }
  return all;
}

/** Describes all collections, one after another. */
async function describeInTurns(manager: SwaggerManager, turns: Turns): Promise<Document> {
  const rows = (await manager.db.getRepository('collections').find({
    filter: { name: { $notIn: ['roles', 'users'] }, 'hidden.$isFalsy': true },
    limit: MAX_COLLECTIONS + 1,
  })) as Row[];
  if (rows.length > MAX_COLLECTIONS) {
    const reason = phrase('there are more than {limit} collections: name one of them', { limit: MAX_COLLECTIONS });
    throw new AppError('APP_VALUE_INVALID', { field: 'ns', reason });
  }
  const all = await manager.getBaseSwagger();
  for (const row of rows) {
    const name = row.get('name') as string;
    // Of one that is not loaded there is no description.
    if (!manager.db.hasCollection(name)) continue;
    addDocument(all, await manager.collection2Swagger(name, false));
    await turns.rest();
  }
  return all;
}

/** NocoBase lists the descriptions of the rows that it finds: here it finds one plugin at a time. */
async function listInTurns(manager: SwaggerManager, list: SwaggerManager['getUrls'], turns: Turns): Promise<Link[]> {
  const links = new Map<string, Link>();
  const listFor = async (db: object) => {
    const view = Object.create(manager, { db: { value: db } }) as SwaggerManager;
    for (const link of await list.call(view)) links.set(link.url, link);
    await turns.rest();
  };
  const only = (row?: Row) => ({
    getRepository: (name: string) =>
      name === 'applicationPlugins'
        ? { find: () => Promise.resolve(row ? [row] : []) }
        : { find: () => Promise.resolve([]) },
  });
  for (const plugin of await enabledPlugins(manager.db)) await listFor(only(plugin));
  await listFor({
    getRepository: (name: string) =>
      name === 'applicationPlugins' ? only().getRepository(name) : manager.db.getRepository(name),
  });
  return [...links.values()];
}

/** Documents that are built one after another, and kept. */
class Documents {
  private readonly kept = new RecentMap<string, { until: number; document: Promise<unknown> }>(MAX_KEPT);
  private last: Promise<unknown> = Promise.resolve();

  /** The document of this name; of several requests at once, one builds it. One that fails is not kept. */
  get(name: string, keepMs: number, build: () => Promise<unknown>): Promise<unknown> {
    const known = this.kept.get(name);
    if (known && known.until > Date.now()) return known.document;
    const document = this.last.then(build);
    this.last = document.catch(() => undefined);
    const entry = { until: Infinity, document };
    this.kept.set(name, entry);
    const drop = () => {
      if (this.kept.get(name) === entry) this.kept.delete(name);
    };
    document.then(() => {
      entry.until = Date.now() + keepMs;
      setTimeout(drop, keepMs).unref();
    }, drop);
    return document;
  }
}

const guarded = new WeakSet<object>();

/** Makes a manager build its documents in turns, and keep them. Once for each manager. */
export function keepDocuments(manager: SwaggerManager): void {
  if (guarded.has(manager)) return;
  guarded.add(manager);
  const documents = new Documents();
  const turns = new Turns();
  const of = <Method extends (typeof METHODS)[number]>(method: Method): SwaggerManager[Method] =>
    (manager[method] as (...given: never[]) => unknown).bind(manager) as SwaggerManager[Method];
  const [all, core, ofPlugins, ofCollections] = [
    of('getSwagger'),
    of('getCoreSwagger'),
    of('getPluginsSwagger'),
    of('getCollectionsSwagger'),
  ];
  // It gets another `this`.
  const list = manager.getUrls;
  const load = of('loadSwaggers');
  manager.loadSwaggers = (plugins) => (plugins?.length ? load(plugins) : loadInTurns(manager, load, turns));
  manager.getSwagger = () => documents.get('', KEEP_MS, all);
  manager.getCoreSwagger = () => documents.get('core', KEEP_MS, core);
  manager.getUrls = () =>
    documents.get('urls', KEEP_COLLECTIONS_MS, () => listInTurns(manager, list, turns)) as Promise<Link[]>;
  manager.getPluginsSwagger = (name) => documents.get(`plugins/${name}`, KEEP_MS, () => ofPlugins(name));
  manager.getCollectionsSwagger = (name) =>
    documents.get(`collections/${name}`, KEEP_COLLECTIONS_MS, () =>
      name ? ofCollections(name) : describeInTurns(manager, turns),
    );
}

/** Keeps the documents of an application's API. Call it after each load. */
export function keepApiDocuments(app: Application): void {
  const plugin = app.pm.get('api-doc') as unknown as { swagger?: Partial<SwaggerManager> } | undefined;
  if (!plugin) return;
  const { swagger } = plugin;
  const missing = METHODS.filter((method) => typeof swagger?.[method] !== 'function');
  if (missing.length === 0) keepDocuments(swagger as SwaggerManager);
  else {
    const notice = 'descriptions of the API are not kept: this version of NocoBase builds them in another way';
    app.log.warn(notice, { module: 'app-supervisor', missing });
  }
}

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { changeHost } from './host-parts';
import { runAsScript } from './workflow-scripts';

/**
 * The plugin `ai` reads documents (Word, PDF, spreadsheets) in threads, as many as are asked for. It keeps their texts in the
 * temporary folder of the machine, which all its users can read, under names that begin with the key of the record, and for
 * ever. An administrator of an application chooses such keys, also ones that lead to other folders.
 */

/** As long as NocoBase remembers where a text is. */
const KEEP_MS = 30 * 60_000;
/** The texts of one application that are kept: the newest. */
const MAX_TEXTS = 100;
const MAX_BYTES = 50_000_000;
const PLAIN_KEY = /^[\w-]{1,64}$/;

type SourceFile = Record<string, unknown> & { toJSON?: () => SourceFile };

interface DocumentLoader {
  readonly plugin: AiPlugin;
  load: (this: DocumentLoader, file: SourceFile, options?: unknown) => Promise<unknown>;
  persistParsedText: (this: DocumentLoader, file: SourceFile, text: string) => Promise<unknown>;
  getCacheKey(file: SourceFile): string | null;
  getCache(): Promise<{ set(key: string, value: string, ms: number): Promise<unknown> }>;
}

interface AiPlugin {
  readonly app: { name: string };
  documentLoaders?: { cached?: object };
}

/** The folders of the applications' texts, by their plugins: `app` of a plugin is not the instance itself. */
const folders = new WeakMap<object, string>();
const guarded = new WeakSet<object>();

/** Removes the texts that NocoBase has forgotten, and the oldest ones beyond the bounds. */
export async function removeOldTexts(folder: string, now = Date.now()): Promise<void> {
  const names = await readdir(folder);
  const found = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      // Another call may have removed it.
      const stats = await stat(file).catch(() => undefined);
      return { file, size: stats?.size ?? 0, writtenAt: stats?.mtimeMs ?? 0 };
    }),
  );
  found.sort((one, other) => other.writtenAt - one.writtenAt);
  let bytes = 0;
  for (const [index, { file, size, writtenAt }] of found.entries()) {
    bytes += size;
    const kept = index < MAX_TEXTS && bytes <= MAX_BYTES && now - writtenAt < KEEP_MS;
    if (!kept) await rm(file, { force: true });
  }
}

/** Writes a text into a file of the application that only the process can read. */
async function keepText(loader: DocumentLoader, folder: string, file: SourceFile, text: string): Promise<void> {
  const key = loader.getCacheKey(file);
  if (!key) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const place = path.join(folder, `${randomUUID()}.txt`);
  await writeFile(place, text, { mode: 0o600 });
  await removeOldTexts(folder);
  const cache = await loader.getCache();
  await cache.set(key, place, KEEP_MS);
}

/** Without the key of its record, the text of a file is not kept, and no path is made of the key. */
function withPlainKey(file: SourceFile): SourceFile {
  const plain = typeof file?.toJSON === 'function' ? file.toJSON() : file;
  const isPlain = PLAIN_KEY.test(String(plain?.id)) && PLAIN_KEY.test(String(plain?.storageId));
  return isPlain ? plain : { ...plain, id: undefined };
}

function guardLoader(prototype: DocumentLoader): void {
  if (guarded.has(prototype)) return;
  for (const method of ['load', 'persistParsedText', 'getCacheKey', 'getCache'] as const) {
    if (typeof prototype[method] !== 'function') throw new TypeError(`the loader of documents has no ${method}`);
  }
  guarded.add(prototype);
  const { load, persistParsedText } = prototype;
  prototype.load = function (file, options) {
    const { plugin } = this;
    if (!folders.has(plugin)) return load.call(this, file, options);
    return runAsScript(plugin.app.name, () => load.call(this, withPlainKey(file), options));
  };
  prototype.persistParsedText = async function (file, text) {
    const folder = folders.get(this.plugin);
    if (folder === undefined) return await persistParsedText.call(this, file, text);
    return await keepText(this, folder, file, text);
  };
}

/**
 * Keeps the texts of an application's documents in a folder of its own, and bounds how many documents it reads at a time.
 * Called after each load of its plugins. A version of NocoBase with another loader is logged.
 * @param folder nothing else is in it
 */
export function confineDocuments(app: Application, folder: string): void {
  const plugin = app.pm.get('ai') as unknown as AiPlugin | undefined;
  if (!plugin) return;
  folders.set(plugin, folder);
  const notice = 'texts of documents are not kept apart: this version of NocoBase reads them in another way';
  changeHost(app, notice, () => {
    const { cached } = plugin.documentLoaders ?? {};
    if (!cached) throw new TypeError('there is no loader of documents');
    // On the prototype: a provider of a language model makes a loader of its own.
    guardLoader(Object.getPrototypeOf(cached) as DocumentLoader);
  });
}

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { Application } from '@nocobase/server';
import { confineDocuments, removeOldTexts } from '../../../server/nocobase/ai-documents';

/** The loader of the plugin, which reads the documents in its own threads. */
const host = createRequire(path.resolve('host/node_modules/x.js'));
const { DocumentLoaders } = host('./@nocobase/plugin-ai/dist/server/document-loader/index.js') as {
  DocumentLoaders: new (plugin: object) => { cached: Cached };
};
interface Cached {
  load(file: object): Promise<{ supported: boolean; fromCache: boolean; text: string }>;
}

const temporary = mkdtempSync(path.join(os.tmpdir(), 'documents-test-'));
const folder = path.join(temporary, 'own');
let reading = 0;
let mostAtOnce = 0;

/** Reads a document without a thread. */
const quickLoader = {
  async load({ content = 'a text' }: { content?: string }) {
    mostAtOnce = Math.max(mostAtOnce, (reading += 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    reading -= 1;
    return [{ pageContent: content }];
  },
};

/** @param loader in the place of that of the plugin, which reads in threads */
function loaderOf(name: string, confined: boolean, loader?: object): Cached {
  const kept = new Map<string, unknown>();
  const cache = { get: (key: string) => kept.get(key), set: (key: string, value: unknown) => kept.set(key, value) };
  const fileManager = {
    getFileStream: ({ content = 'a text' }: { content?: string }) => ({ stream: Readable.from([content]) }),
  };
  const app = { name, cacheManager: { createCache: () => Promise.resolve(cache) }, log: { warn: jest.fn() } };
  const plugin: Record<string, unknown> = { app, fileManager };
  plugin.documentLoaders = new DocumentLoaders(plugin);
  const instance = { ...app, pm: { get: () => plugin } } as unknown as Application;
  // As in NocoBase: not the instance itself.
  plugin.app = new Proxy(instance, {});
  if (confined) confineDocuments(instance, folder);
  expect(app.log.warn).not.toHaveBeenCalled();
  const { cached } = plugin.documentLoaders as { cached: Cached & { options: { loader: object } } };
  if (loader) cached.options.loader = loader;
  return cached;
}

const file = (more: object = {}) => ({ id: 7, storageId: 1, filename: 'a.txt', extname: '.txt', size: 6, ...more });
const parsedFiles = () => readdirSync(temporary).filter((name) => name.includes('.parsed.'));
const texts = () => readdirSync(folder, { withFileTypes: true }).map(({ name }) => name);

beforeAll(() => void jest.spyOn(os, 'tmpdir').mockReturnValue(temporary));
beforeEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(() => rmSync(temporary, { recursive: true }));

describe('the texts of documents of an application', () => {
  it('are in its own folder, readable by the process only, and are read again from there', async () => {
    const loader = loaderOf('crm', true);
    expect(await loader.load(file())).toMatchObject({ supported: true, fromCache: false, text: 'a text' });
    const [name = ''] = texts();
    expect(readFileSync(path.join(folder, name), 'utf8')).toBe('a text');
    expect([statSync(folder).mode & 0o777, statSync(path.join(folder, name)).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(await loader.load(file({ content: 'another' }))).toMatchObject({ fromCache: true, text: 'a text' });
    expect(parsedFiles()).toEqual([]);
  });

  it.each(['../../outside', '/etc/x', 'a\\b', 'x'.repeat(65), '.', ['../x']])(
    'are not kept for a record with the key %j',
    async (id) => {
      const loader = loaderOf('crm', true, quickLoader);
      const odd = [file({ id }), file({ storageId: id }), { toJSON: () => file({ id }) }];
      const loaded = await Promise.all(odd.map((one) => loader.load(one)));
      expect(loaded).toEqual(odd.map(() => expect.objectContaining({ fromCache: false, text: 'a text' })));
      expect(readdirSync(temporary)).toEqual([]);
    },
  );

  it('are removed when they are old, and the oldest beyond a number and a size', async () => {
    const loader = loaderOf('crm', true, quickLoader);
    await loader.load(file());
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    for (let index = 0; index < 150; index += 1) {
      const written = path.join(folder, `${index}.txt`);
      writeFileSync(written, 'x');
      utimesSync(written, minutesAgo(0), minutesAgo(index / 10));
    }
    writeFileSync(path.join(folder, 'forgotten.txt'), 'x');
    utimesSync(path.join(folder, 'forgotten.txt'), minutesAgo(0), minutesAgo(31));
    await removeOldTexts(folder);
    expect(texts()).toHaveLength(100);
    expect(texts()).toContain('0.txt');
    expect(texts()).not.toContain('149.txt');
    writeFileSync(path.join(folder, 'large.txt'), Buffer.alloc(49_999_950));
    await removeOldTexts(folder);
    expect(texts().length).toBeLessThan(60);
    expect(texts()).toContain('large.txt');
    await removeOldTexts(folder, Date.now() + 31 * 60_000);
    expect(texts()).toEqual([]);
  });

  it('are read four at a time', async () => {
    mostAtOnce = 0;
    const loader = loaderOf('crm', true, quickLoader);
    await Promise.all(Array.from({ length: 10 }, (_, id) => loader.load(file({ id }))));
    expect(mostAtOnce).toBe(4);
  });

  it('of the main application are where NocoBase keeps them', async () => {
    await loaderOf('main', false, quickLoader).load(file());
    expect(parsedFiles()).toHaveLength(1);
  });
});

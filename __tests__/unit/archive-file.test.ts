import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openArchive } from '../../server/archives/archive-file';
import { encodeHeader, END_BLOCKS, padding } from '../../server/archives/tar';
import { measureJson } from '../../src/body-meter';
import { ARCHIVE_FORMAT, ARCHIVE_VERSION, checkManifestSize, MANIFEST } from '../../src/archive-manifest';

const SHA = 'a'.repeat(64);

/** A manifest with the shortest parts that there are. */
function manifestOf(files: number, indent?: number): string {
  const file = (index: number) => ({ storageId: '1', path: '', filename: String(index) });
  const parts = Array.from({ length: files }, (_, index) => ({
    ...{ name: `files/${String(index).padStart(6, '0')}`, size: 0, sha256: SHA, file: file(index) },
  }));
  const plugins = Array.from({ length: 300 }, () => ({ packageName: '@a/b', version: '1' }));
  return JSON.stringify(
    {
      ...{ format: ARCHIVE_FORMAT, version: ARCHIVE_VERSION, createdAt: '2026-01-02', application: { name: 'crm' } },
      ...{ nocobase: { core: '2', plugins }, database: { dialect: 'postgres' }, missingFiles: 0 },
      parts: [{ name: 'database.dump', size: 1, sha256: SHA }, ...parts],
    },
    null,
    indent,
  );
}

describe('the size of a manifest', () => {
  it.each([0, 1, 100, 20_000])('is right with %d files', (files) => {
    for (const indent of [undefined, 1]) {
      expect(() => checkManifestSize(measureJson(Buffer.from(manifestOf(files, indent))))).not.toThrow();
    }
  });
});

describe('an archive with a hostile manifest', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'archive-file-'))));
  afterEach(async () => {
    jest.restoreAllMocks();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(manifest: string): Promise<unknown> {
    const file = path.join(folder, 'hostile.tar');
    const text = Buffer.from(manifest);
    const header = encodeHeader({ name: MANIFEST, size: text.length }, 0);
    await writeFile(file, Buffer.concat([header, text, Buffer.alloc(padding(text.length)), END_BLOCKS]));
    return openArchive(file, 2 ** 30).catch((error: unknown) => error);
  }

  const MB = 2 ** 20;
  it.each([
    ['31 MB of opening brackets', () => '['.repeat(31 * MB)],
    ['nested arrays', () => '['.repeat(5) + ']'.repeat(5)],
    ['nested objects', () => '{"a":'.repeat(5) + '1' + '}'.repeat(5)],
    ['empty objects', () => `{"parts":[${'{},'.repeat(MB)}{}]}`],
    ['numbers', () => `[${'1,'.repeat(3 * MB)}1]`],
    ['short texts', () => `[${'"",'.repeat(2 * MB)}1]`],
    ['short members', () => `{${'"":1,'.repeat(2 * MB)}"b":1}`],
    ['nesting behind a long text', () => `{"a":"${'['.repeat(3 * MB)}","b":${'['.repeat(9)}`],
    ['values behind a long text', () => `{"a":"${'\\"'.repeat(MB)}","b":[${'1,'.repeat(2 * MB)}`],
    ['more than the largest size', () => `"${'x'.repeat(33 * MB)}"`],
  ])('is refused before it is parsed: %s', async (_, manifest) => {
    const text = manifest();
    const parse = jest.spyOn(JSON, 'parse');
    expect(await open(text)).toMatchObject({
      code: 'APP_ARCHIVE_INVALID',
      params: { reason: 'its manifest is too large' },
    });
    expect(parse).not.toHaveBeenCalled();
  });

  it('is refused as before for what it says', async () => {
    expect(await open('{}')).toMatchObject({ code: 'APP_ARCHIVE_INVALID', params: { reason: expect.any(String) } });
    expect(await open('not JSON')).toMatchObject({ params: { reason: 'its manifest cannot be read' } });
  });
});

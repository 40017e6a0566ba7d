import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { extractWithin, guardExtraction, type ZipReader } from '../../../server/nocobase/backup-extraction';
import { AppError } from '../../../src/errors';
import { zipFile } from '../../helpers/zip-file';

/** The Backup Manager's own extractor. */
const load = createRequire(path.resolve('host/node_modules/x.js'));
const utils = '@nocobase/plugin-backups/dist/server/utils';
const { Extractor } = load(utils) as {
  Extractor: { new (options: { path: string }): NodeJS.WritableStream; prototype: object };
};
const reader = createRequire(load.resolve(utils))('yauzl') as ZipReader;

type Entries = Parameters<typeof zipFile>[0];

describe('extraction of a backup', () => {
  const work = mkdtempSync(path.join(tmpdir(), 'backup-extraction-'));
  let sequence = 0;
  beforeAll(() => expect(guardExtraction(Extractor.prototype, reader)).toBe(true));
  afterAll(() => rmSync(work, { recursive: true }));

  /** Answers every failure as the Backup Manager does. Resolves to the names of the files. */
  async function extract(
    backup: Buffer | Entries,
    assertFits: (bytes: number, archive: number) => void = () => undefined,
  ) {
    const folder = path.join(work, String((sequence += 1)));
    const file = `${folder}.zip`;
    writeFileSync(file, Buffer.isBuffer(backup) ? backup : zipFile(backup));
    await extractWithin(assertFits, async () => {
      try {
        await pipeline(createReadStream(file), new Extractor({ path: folder }));
      } catch (error) {
        throw new Error(`cannot be decrypted: ${(error as Error).message}`, { cause: error });
      }
    });
    return (readdirSync(folder, { recursive: true }) as string[]).sort();
  }

  const REAL: Entries = [
    ['data', 'PGDMP'],
    ['_metadata.json', '{}'],
    ['aes_key.dat', 'k'.repeat(32)],
    ['uploads/apps/1/data/a.txt', 'a'],
  ];

  it('gives the files of a real backup', async () => {
    expect(await extract(REAL)).toEqual([
      ...['_metadata.json', 'aes_key.dat', 'data', 'uploads', 'uploads/apps', 'uploads/apps/1', 'uploads/apps/1/data'],
      'uploads/apps/1/data/a.txt',
    ]);
  });

  it.each(['data/toc.dat', 'data/', './data/x', 'data//x', 'DATA/x', '_metadata.json/x', 'aes_key.dat/x'])(
    'is refused with the entry %s, which makes a folder of a file',
    async (name) => {
      const refusal = { code: 'APP_ARCHIVE_INVALID', status: 422 };
      await expect(extract([...REAL, [name, '']])).rejects.toMatchObject(refusal);
    },
  );

  it.each(['_metadata.json', 'aes_key.dat'])('is refused with a large %s, which is read as a whole', async (name) => {
    await expect(extract([[name, 'x'.repeat(128 * 1_024 + 1)]])).rejects.toMatchObject({ code: 'APP_ARCHIVE_INVALID' });
  });

  it('is refused before a file is written, if the sum of the sizes does not fit', async () => {
    const assertFits = jest.fn((bytes: number, _archiveBytes: number) => {
      if (bytes > 100_000) throw new AppError('APP_STORAGE_LIMIT', { name: 'crm', limit: 1 });
    });
    const zeros = Buffer.alloc(60_000);
    await expect(
      extract(
        [
          ['a', zeros],
          ['b', zeros],
        ],
        assertFits,
      ),
    ).rejects.toMatchObject({ code: 'APP_STORAGE_LIMIT' });
    expect(readdirSync(path.join(work, String(sequence))).filter((name) => !name.startsWith('temp_'))).toEqual([]);
    expect(assertFits.mock.calls.every(([, archive]) => archive < 1_000)).toBe(true);
    // Files without a byte count, too.
    const empty = Array.from({ length: 100 }, (_, index): [string, string] => [`uploads/${index}`, '']);
    await expect(extract(empty, assertFits)).rejects.toMatchObject({ code: 'APP_STORAGE_LIMIT' });
  });

  it('fails as ever if it is no zip file, or another file than its directory says', async () => {
    await expect(extract(Buffer.from('no backup'))).rejects.toThrow('cannot be decrypted');
    const lying = zipFile([['a', Buffer.alloc(60_000)]]);
    // The size in the directory, which was compared with the limit.
    lying.writeUInt32LE(10, lying.lastIndexOf('PK\x01\x02') + 24);
    await expect(extract(lying)).rejects.toThrow('cannot be decrypted');
  });

  /** The files of the test that the process has open. */
  /** Files are closed soon after the error, on a busy machine some time later. */
  const untilClosed = async () => {
    for (const end = Date.now() + 10_000; openFiles().length > 0 && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const openFiles = () =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)].filter((file) => file.startsWith(work));
      } catch {
        return [];
      }
    });

  it.each<[string, () => Buffer | Entries]>([
    ['refused', () => [...REAL, ['data/x', '']]],
    ['no zip file', () => Buffer.from('no backup')],
    [
      'one with a file that is shorter than its directory says',
      () => {
        const lying = zipFile([['a', Buffer.alloc(60_000)]]);
        lying.writeUInt32LE(60_001, lying.lastIndexOf('PK\x01\x02') + 24);
        return lying;
      },
    ],
    [
      'one with data that cannot be inflated',
      () => {
        const broken = zipFile([['a', Array.from({ length: 20_000 }, (_, index) => index).join()]]);
        broken.fill(0xff, 100, 200);
        return broken;
      },
    ],
  ])('leaves no file open if the backup is %s', async (_case, backup) => {
    await expect(extract(backup())).rejects.toThrow();
    await untilClosed();
    expect(openFiles()).toEqual([]);
  });

  it('leaves no file open if the backup breaks off before its end, as with a wrong password', async () => {
    const folder = path.join(work, String((sequence += 1)));
    const breaks = async function* () {
      yield zipFile(REAL);
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('wrong password');
    };
    await expect(
      extractWithin(
        () => undefined,
        () => pipeline(breaks, new Extractor({ path: folder })),
      ),
    ).rejects.toThrow('wrong password');
    await untilClosed();
    expect(openFiles()).toEqual([]);
  });

  it.each(['temp_1796000000000.zip', 'TEMP_1796000000000.ZIP', './temp_1796000000000.zip', 'temp_1796000000000.zip/x'])(
    'is refused with the entry %s, which would replace the backup while it is read',
    async (name) => {
      jest.spyOn(Date, 'now').mockReturnValue(1_796_000_000_000);
      try {
        await expect(extract([...REAL, [name, 'x']])).rejects.toMatchObject({ code: 'APP_ARCHIVE_INVALID' });
      } finally {
        jest.restoreAllMocks();
      }
    },
  );

  it.each(['../x', 'a/../../x', '/etc/x'])('is refused with the entry %s, which leaves the folder', async (name) => {
    await expect(extract([[name, 'x']])).rejects.toThrow();
    expect(existsSync(path.join(work, 'x'))).toBe(false);
  });

  it('of another caller is left alone', async () => {
    const folder = path.join(work, 'other');
    writeFileSync(`${folder}.zip`, zipFile([['data/x', '']]));
    await pipeline(createReadStream(`${folder}.zip`), new Extractor({ path: folder }));
    expect(readdirSync(folder)).toEqual(['data']);
  });
});

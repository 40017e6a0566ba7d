import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { openArchive, writeArchive } from '../../server/archives/archive-file';
import { BLOCK, decodeHeader, encodeHeader, padding } from '../../server/archives/tar';
import { createHash } from 'node:crypto';
import { ARCHIVE_FORMAT, type ArchiveManifest } from '../../src/archive-manifest';
import { isAppError } from '../../src/errors';

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describe('a header of a tar file', () => {
  const names = fc.stringMatching(/^[\w./-]{1,100}$/);

  it('is read as it was written, up to sizes beyond eight gigabytes', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (name, size) => {
        const header = encodeHeader({ name, size }, 1_700_000_000_000);
        expect(header).toHaveLength(BLOCK);
        expect(decodeHeader(header)).toEqual({ name, size });
      }),
    );
  });

  it('is refused with one byte changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: BLOCK - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const header = encodeHeader({ name: 'files/000001', size: 77 }, 0);
        // The padding behind the checksum's digits says nothing.
        fc.pre(at < 154 || at > 155);
        header[at] = (header[at] ?? 0) ^ change;
        expect(() => decodeHeader(header)).toThrow(expect.objectContaining({ code: 'APP_ARCHIVE_INVALID' }) as Error);
      }),
    );
  });

  it('is followed by whole blocks', () => {
    expect([0, 1, 511, 512, 513].map(padding)).toEqual([0, 511, 1, 0, 511]);
  });
});

describe('an archive', () => {
  let folder: string;
  const content = { 'database.dump': Buffer.from('the dump'), 'files/000001': Buffer.alloc(0) };

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'app-supervisor-archive-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function write(meanwhile = () => undefined as unknown): Promise<string> {
    const parts = Object.entries(content).map(([name, bytes]) => {
      writeFileSync(path.join(folder, name.replace('/', '-')), bytes);
      const part = { name, size: bytes.length, sha256: sha256(bytes) };
      return name.startsWith('files/') ? { ...part, file: { storageId: '1', path: '', filename: 'empty' } } : part;
    });
    const manifest: ArchiveManifest = {
      format: ARCHIVE_FORMAT,
      version: 1,
      createdAt: new Date(0).toISOString(),
      application: { name: 'crm' },
      nocobase: { core: '2.1.0', plugins: [] },
      database: {
        dialect: 'postgres',
        server: '15',
        tool: '15',
        schema: 'public',
        tablePrefix: '',
        underscored: false,
      },
      missingFiles: 0,
      parts,
    };
    const file = path.join(folder, 'it.tar');
    meanwhile();
    await writeArchive(file, manifest, ({ name }) => path.join(folder, name.replace('/', '-')));
    return file;
  }

  it('is read by the programs for tar files', async () => {
    const file = await write();
    const listed = spawnSync('tar', ['-tf', file], { encoding: 'utf8' });
    expect(listed.stdout.trim().split('\n')).toEqual(['manifest.json', 'database.dump', 'files/000001']);
    expect(spawnSync('tar', ['-xOf', file, 'database.dump'], { encoding: 'utf8' }).stdout).toBe('the dump');
  });

  it('gives back its parts, also the empty ones', async () => {
    const archive = await openArchive(await write(), 2 ** 20);
    for (const part of archive.manifest.parts) {
      const chunks: Buffer[] = [];
      for await (const chunk of archive.read(part) as AsyncIterable<Buffer>) chunks.push(chunk);
      expect(Buffer.concat(chunks)).toEqual(content[part.name as keyof typeof content]);
    }
  });

  it('is refused wherever it is cut off, and whatever byte of its parts is changed', async () => {
    const file = await write();
    const whole = readFileSync(file);
    const code = () =>
      openArchive(file, 2 ** 20).then(
        () => 'taken',
        (error: unknown) => (isAppError(error) ? error.code : String(error)),
      );
    for (let length = 0; length < whole.length; length += 97) {
      truncateSync(file, length);
      expect([length, await code()]).toEqual([length, 'APP_ARCHIVE_INVALID']);
      writeFileSync(file, whole);
    }
    const at = whole.indexOf('the dump', BLOCK);
    const spoilt = Buffer.from(whole);
    spoilt[at + 3] = 0x41;
    writeFileSync(file, spoilt);
    expect(await code()).toBe('APP_ARCHIVE_INVALID');
    writeFileSync(file, whole);
    expect(await code()).toBe('taken');
  });

  it('is not made of what has changed meanwhile', async () => {
    const change = () => writeFileSync(path.join(folder, 'database.dump'), 'THE DUMP');
    await expect(write(change)).rejects.toMatchObject({ code: 'APP_ARCHIVE_STORAGE' });
  });

  it('is refused where it is larger than is allowed', async () => {
    const file = await write();
    await expect(openArchive(file, 1_024)).rejects.toMatchObject({ code: 'APP_ARCHIVE_TOO_LARGE' });
  });
});

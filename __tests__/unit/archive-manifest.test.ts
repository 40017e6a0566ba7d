import fc from 'fast-check';
import {
  ARCHIVE_FORMAT,
  ARCHIVE_VERSION,
  isPlainFileName,
  isPlainPath,
  parseManifest,
  type ArchiveManifest,
} from '../../src/archive-manifest';
import { isAppError } from '../../src/errors';
import path from 'node:path';

const SHA = 'a'.repeat(64);

function manifest(): ArchiveManifest {
  return {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    createdAt: '2026-01-02T03:04:05.000Z',
    application: { name: 'crm', displayName: 'CRM', icon: undefined },
    nocobase: { core: '2.1.0', plugins: [{ packageName: '@nocobase/plugin-users', version: '2.1.0' }] },
    database: {
      ...{ dialect: 'postgres', server: '15.3', tool: '15.3', schema: 'public' },
      ...{ tablePrefix: '', underscored: false },
    },
    keySha256: SHA,
    missingFiles: 0,
    parts: [
      { name: 'database.dump', size: 10, sha256: SHA },
      { name: 'aes_key.dat', size: 32, sha256: SHA },
      { name: 'files/000001', size: 3, sha256: SHA, file: { storageId: '1', path: 'a/b', filename: 'x.png' } },
      { name: 'files/000002', size: 0, sha256: SHA, file: { storageId: '1', path: '', filename: 'Übung 1.pdf' } },
    ],
  };
}

const parse = (value: unknown) => parseManifest(JSON.stringify(value));

/** The code of the refusal; undefined where it was taken. */
function refusal(value: unknown): string | undefined {
  try {
    parse(value);
    return undefined;
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

/** Every place in a value, as a list of keys. */
function places(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [at];
  return [...(at.length ? [at] : []), ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...at, key]))];
}

function put(value: unknown, at: readonly (string | number)[], inner: unknown): unknown {
  const [key, ...rest] = at;
  if (key === undefined) return inner;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = put(copy[key], rest, inner);
  return copy;
}

describe('the manifest of an archive', () => {
  it('is read as it was written', () => {
    expect(parse(manifest())).toEqual(manifest());
  });

  it('is refused with a code, or makes sense, whatever stands in one of its places', () => {
    const all = places(JSON.parse(JSON.stringify(manifest())));
    expect(all.length).toBeGreaterThan(30);
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.jsonValue(), (at, value) => {
        const changed = put(manifest(), at, value);
        const code = refusal(changed);
        if (code !== undefined) {
          expect(code).toBe('APP_ARCHIVE_INVALID');
          return;
        }
        for (const { size, sha256, file } of parse(changed).parts) {
          expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
          expect(sha256).toMatch(/^[0-9a-f]{64}$/);
          if (!file) continue;
          const found = path.resolve('/uploads', file.path, file.filename);
          expect(found.startsWith('/uploads/')).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is refused whatever text it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'APP_ARCHIVE_INVALID' }) as Error);
      }),
    );
  });

  it.each<[string, (m: ArchiveManifest) => void]>([
    ['another format', (m) => Object.assign(m, { format: 'zip' })],
    ['a later version', (m) => Object.assign(m, { version: ARCHIVE_VERSION + 1 })],
    ['no version of NocoBase', (m) => Object.assign(m.nocobase, { core: null })],
    ['no database', (m) => m.parts.shift()],
    ['a part twice', (m) => m.parts.push(m.parts[2] as never)],
    ['a place twice', (m) => m.parts.push({ ...(m.parts[2] as object), name: 'files/000003' } as never)],
    ['a part of another name', (m) => Object.assign(m.parts[2] as object, { name: 'files/../../x' })],
    ['a negative size', (m) => Object.assign(m.parts[0] as object, { size: -1 })],
    ['a size beyond all numbers', (m) => Object.assign(m.parts[0] as object, { size: 2 ** 60 })],
    ['a checksum that is none', (m) => Object.assign(m.parts[0] as object, { sha256: 'A'.repeat(64) })],
    ['a key of another length', (m) => Object.assign(m.parts[1] as object, { size: 31 })],
    ['a storage that is no number', (m) => Object.assign(m.parts[2]?.file as object, { storageId: "1' OR 1" })],
    ['no date', (m) => Object.assign(m, { createdAt: 'soon' })],
  ])('is refused with %s', (_what, change) => {
    const changed = manifest();
    change(changed);
    expect(refusal(changed)).toBe('APP_ARCHIVE_INVALID');
  });
});

describe('names and paths of files', () => {
  it.each(['..', '.', '', 'a/b', 'a\\b', '/a', 'a\0', 'a\n', 'x'.repeat(256), 'ü'.repeat(128)])(
    '%j is no name',
    (name) => {
      expect(isPlainFileName(name)).toBe(false);
    },
  );

  it.each(['a.png', '...', '.hidden', 'a b (1).pdf', '图片.png'])('%j is a name', (name) => {
    expect(isPlainFileName(name)).toBe(true);
  });

  it.each(['/', '/a', 'a/', 'a//b', '../a', 'a/..', 'a/../b', 'a/./b', 'C:\\x', 'a/b\\..\\c'])(
    '%j is no path',
    (text) => {
      expect(isPlainPath(text)).toBe(false);
    },
  );

  it.each(['', 'a', 'a/b', '2026/01'])('%j is a path', (text) => {
    expect(isPlainPath(text)).toBe(true);
  });
});

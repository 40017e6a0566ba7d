import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { guardBackupPrograms, type GetAdapter } from '../../../server/nocobase/backup-programs';

/** The Backup Manager's own adapters, with programs that only note that they were called. */

interface Adapter {
  backup(options: object): Promise<unknown>;
  restore(options: object): Promise<unknown>;
}

const load = createRequire(path.resolve('host/node_modules/x.js'));
const { getDBAdapter } = load('@nocobase/plugin-backups/dist/server/adapters/database') as { getDBAdapter: GetAdapter };

const work = mkdtempSync(path.join(tmpdir(), 'backup-programs-'));
const called = path.join(work, 'called');
const before = { ...process.env };

function program(name: string, script: string): string {
  const file = path.join(work, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const adapter = (options: Record<string, unknown>) =>
  getDBAdapter({ username: 'nb', host: '127.0.0.1', database: 'crm', password: '', ...options } as never) as Adapter;

beforeAll(() => {
  process.env.PSQL_PATH = program('psql', `echo psql >> ${called}`);
  process.env.PG_RESTORE_PATH = program('pg_restore', `echo pg_restore >> ${called}`);
  process.env.PATH = `${work}:${process.env.PATH}`;
  expect(guardBackupPrograms(getDBAdapter)).toBe(true);
  expect(guardBackupPrograms(getDBAdapter)).toBe(true);
});
beforeEach(() => rmSync(called, { force: true }));
afterAll(() => {
  process.env = before;
  rmSync(work, { recursive: true });
});

describe('backup programs: a restore on PostgreSQL', () => {
  const dump = path.join(work, 'dump');
  const place = (name: string) => path.join(work, name);
  writeFileSync(dump, 'PGDMP and the rest');
  writeFileSync(place('empty'), '');
  writeFileSync(place('script'), '\\! id');
  mkdirSync(place('folder'));
  writeFileSync(path.join(place('folder'), 'toc.dat'), 'PGDMP');
  symlinkSync(dump, place('link'));
  symlinkSync(place('folder'), place('folder-link'));

  it.each(['folder', 'link', 'folder-link', 'script', 'empty', 'absent'])(
    'refuses what is no dump in one plain file (%s), and runs no program',
    async (name) => {
      for (const restoreMode of [undefined, 'preserveTables']) {
        const restoring = adapter({ dialect: 'postgres' }).restore({ filePath: place(name), restoreMode });
        await expect(restoring).rejects.toMatchObject({ code: 'APP_ARCHIVE_INVALID', status: 422 });
      }
      expect(existsSync(called)).toBe(false);
    },
  );

  it('runs with a dump', async () => {
    await adapter({ dialect: 'postgres' }).restore({ filePath: dump });
    expect(existsSync(called)).toBe(true);
  });

  it("of Kingbase refuses a folder, and accepts a dump of Kingbase's own programs", async () => {
    const kingbase = adapter({ dialect: 'kingbase' });
    const refusal = { code: 'APP_ARCHIVE_INVALID' };
    await expect(kingbase.restore({ filePath: place('folder'), toolchain: 'postgres' })).rejects.toMatchObject(refusal);
    await kingbase.restore({ filePath: place('script'), toolchain: 'postgres' });
  });
});

describe.each(['mysql', 'mariadb'])('backup programs: on %s', (dialect) => {
  const proof = path.join(work, 'proof');
  const dump = path.join(work, 'dump.sql');
  const words = path.join(work, 'words');
  beforeAll(() => {
    // It answers each question with the name of a table, or of a server.
    program('mysql', `echo mysql >> ${called}; echo 'x$(touch ${proof})'`);
    program('mysqldump', `[ "$1" = --version ] && echo 'mysqldump  Ver 8.0.36' || echo "$@" > ${words}`);
    writeFileSync(dump, 'SELECT 1;');
  });
  beforeEach(() => [proof, words].forEach((file) => rmSync(file, { force: true })));

  it('a backup runs no command in which the name of a table stands', async () => {
    await adapter({ dialect }).backup({ dir: work, skipFdw: false });
    expect([existsSync(proof), existsSync(called), existsSync(words)]).toEqual([false, false, true]);
  });

  it('a backup takes no table, and no database, for an option of mysqldump', async () => {
    const refusal = { code: 'APP_OPTIONS_INVALID', status: 400 };
    const includeTables = ['users', `--result-file=${proof}`];
    await expect(adapter({ dialect }).backup({ dir: work, includeTables })).rejects.toMatchObject(refusal);
    await expect(adapter({ dialect, database: '--tab=/' }).backup({ dir: work })).rejects.toMatchObject(refusal);
    expect(existsSync(words)).toBe(false);
    await adapter({ dialect }).backup({ dir: work, includeTables: ['users'] });
    expect(existsSync(words)).toBe(true);
  });

  it.each([
    [{ username: `x$(touch ${proof})` }],
    [{ host: '127.0.0.1;id' }],
    [{ database: '`id`' }],
    [{ username: '-e' }],
    [{ port: '3306;id' }],
    [{}, path.join(work, '$(id)')],
  ])('a restore runs no command with %p', async (options, filePath = dump) => {
    const restoring = adapter({ dialect, ...options }).restore({ filePath });
    await expect(restoring).rejects.toMatchObject({ code: 'APP_OPTIONS_INVALID' });
    expect([existsSync(proof), existsSync(called)]).toEqual([false, false]);
  });

  it('a restore runs with plain names', async () => {
    await adapter({ dialect, username: 'nb.of@crm', host: '::1', port: 3306 }).restore({ filePath: dump });
    expect([existsSync(proof), existsSync(called)]).toEqual([false, true]);
  });
});

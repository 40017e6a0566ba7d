import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findPostgresProgram, programFolders } from '../../../server/databases/postgres-programs';
import { missingForExports } from '../../../server/databases/tools-of';

/** Which `pg_dump` of the machine is used. */
describe('a program of PostgreSQL', () => {
  const { PATH } = process.env;
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'app-supervisor-programs-'));
    mkdirSync(path.join(folder, 'usual'));
    process.env.PATH = path.join(folder, 'usual');
    jest.replaceProperty(programFolders, 'known', [{ parent: path.join(folder, 'releases'), name: /^\d+$/ }]);
  });

  afterEach(() => {
    jest.restoreAllMocks();
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true, force: true });
  });

  function install(where: string, version: string, script = `echo "pg_dump (PostgreSQL) ${version}"`): string {
    const file = path.join(folder, where, 'pg_dump');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return file;
  }

  const find = (needed: number, server = needed, name = 'pg_dump') => findPostgresProgram(name, needed, server);

  it('is that in PATH where it is new enough and fits the server', async () => {
    install('usual', '15.18');
    install('releases/18/bin', '18.4');
    expect(await find(15)).toEqual({ program: 'pg_dump', text: '15.18', major: 15 });
    install('usual', '18.4');
    expect(await find(17)).toEqual({ program: 'pg_dump', text: '18.4', major: 18 });
  });

  it('is the one nearest to the server where that in PATH is too old, does not fit, or is missing', async () => {
    install('releases/9/bin', '9.6.24');
    const nearest = { program: install('releases/16/bin', '16.9'), text: '16.9', major: 16 };
    install('releases/17/bin', '17.5');
    install('releases/99/bin', '', 'exit 1');
    install('releases/other/bin', '15.4');
    mkdirSync(path.join(folder, 'releases', '15'));
    expect(await find(15)).toEqual(nearest);
    install('usual', '14.2');
    expect(await find(15)).toEqual(nearest);
    install('usual', '18.4');
    expect(await find(15)).toEqual(nearest);
    expect(await find(16, 18)).toMatchObject({ program: 'pg_dump', major: 18 });
  });

  it('to dump may be newer than what the server can restore, and to restore may not', async () => {
    install('usual', '17.5');
    expect(await find(15)).toMatchObject({ major: 17 });
    writeFileSync(path.join(folder, 'usual', 'pg_restore'), '#!/bin/sh\necho "pg_restore (PostgreSQL) 17.5"\n', {
      mode: 0o755,
    });
    expect(await find(15, 17, 'pg_restore')).toMatchObject({ program: 'pg_restore', major: 17 });
    const refusal = find(15, 15, 'pg_restore');
    await expect(refusal).rejects.toMatchObject({ code: 'APP_DUMP_UNSUPPORTED' });
    await expect(refusal).rejects.toThrow(/pg_restore 17.5 cannot restore on PostgreSQL 15.*postgresql-client-15/);
  });

  it('is asked for with its package where it is missing or too old', async () => {
    const missing = { program: 'pg_dump', needed: 18, package: 'postgresql-client-18' };
    await expect(find(18)).rejects.toMatchObject({ code: 'APP_DUMP_TOOL_MISSING', params: missing });
    install('usual', '14.2');
    install('releases/15/bin', '15.18');
    const params = { ...missing, version: '15.18' };
    await expect(find(18)).rejects.toMatchObject({ code: 'APP_DUMP_TOOL_OLD', params });
  });

  it('that does not work is an error only if there is no other one', async () => {
    install('usual', '', 'echo "error: no library" >&2; exit 1');
    const params = { program: 'pg_dump' };
    await expect(find(15)).rejects.toMatchObject({ code: 'APP_DUMP_FAILED', params });
    chmodSync(path.join(folder, 'usual', 'pg_dump'), 0o644);
    await expect(find(15)).rejects.toMatchObject({ code: 'APP_DUMP_FAILED', params });
    install('releases/15/bin', '15.18');
    expect(await find(15)).toMatchObject({ major: 15 });
  });

  it('that does not work is no answer to the question about exports', async () => {
    const dialect = { family: 'postgres', name: 'postgres' } as Parameters<typeof missingForExports>[0];
    expect(await missingForExports(dialect, '15.4')).toMatchObject({ code: 'APP_DUMP_TOOL_MISSING' });
    install('usual', '', 'exit 1');
    expect(await missingForExports(dialect, '15.4')).toBeUndefined();
    const other = { family: 'sqlite', name: 'sqlite' } as unknown as typeof dialect;
    expect(await missingForExports(other, '3')).toBeUndefined();
  });
});

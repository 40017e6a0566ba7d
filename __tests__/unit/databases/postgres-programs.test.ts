import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findPostgresProgram, programFolders } from '../../../server/databases/postgres-programs';

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

  it('is that in PATH where it is new enough', async () => {
    install('usual', '15.18');
    install('releases/18/bin', '18.4');
    expect(await findPostgresProgram('pg_dump', 15)).toEqual({ program: 'pg_dump', text: '15.18', major: 15 });
  });

  it('is the newest one of the machine where that in PATH is too old, or is missing', async () => {
    install('releases/9/bin', '9.6.24');
    install('releases/16/bin', '16.9');
    const newest = { program: install('releases/17/bin', '17.5'), text: '17.5', major: 17 };
    install('releases/99/bin', '', 'exit 1');
    install('releases/other/bin', '18.4');
    mkdirSync(path.join(folder, 'releases', '18'));
    expect(await findPostgresProgram('pg_dump', 15)).toEqual(newest);
    install('usual', '14.2');
    expect(await findPostgresProgram('pg_dump', 17)).toEqual(newest);
  });

  it('is asked for with its package where it is missing or too old', async () => {
    const missing = { program: 'pg_dump', needed: 18, package: 'postgresql-client-18' };
    const refusal = findPostgresProgram('pg_dump', 18);
    await expect(refusal).rejects.toMatchObject({ code: 'APP_DUMP_TOOL_MISSING', params: missing });
    install('usual', '14.2');
    install('releases/15/bin', '15.18');
    const old = findPostgresProgram('pg_dump', 18);
    await expect(old).rejects.toMatchObject({ code: 'APP_DUMP_TOOL_OLD', params: { ...missing, version: '15.18' } });
  });

  it('that fails is told where it is that in PATH', async () => {
    install('usual', '', 'echo "error: no library" >&2; exit 1');
    await expect(findPostgresProgram('pg_dump', 15)).rejects.toThrow(/no library/);
  });
});

import { spawnSync } from 'node:child_process';

/** Why databases of PostgreSQL cannot be exported on this machine, in words; undefined where they can. */
export function missingDumpProgram(): string | undefined {
  const { status } = spawnSync('pg_dump', ['--version'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'pg_dump is not installed';
}

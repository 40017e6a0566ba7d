import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ArchivedDatabase } from '../../src/archive-manifest';
import { AppError, isAppError } from '../../src/errors';
import { phrase, type Reason } from '../../src/phrase';
import { ProgramFailure, runProgram } from './child-program';
import type { ServerAddress } from './dialect';
import { counted, type DumpTools, type ToolRun } from './dump-tools';
import { isMarker } from './mark';
import type { Place } from './place';
import { withClient } from './postgres-connection';
import { movePostgresFiles, readPostgresFiles } from './postgres-files';
import { canBeRestored, findPostgresProgram, type PostgresProgram } from './postgres-programs';
import { setPostgresTitle } from './postgres-title';

const DUMP = 'pg_dump';
const RESTORE = 'pg_restore';
const DEFAULT_SCHEMA = 'public';
/** The first version whose libpq trusts the certificates of the machine (`sslrootcert=system`). */
const SYSTEM_CERTIFICATES = 16;

interface TlsOptions {
  rejectUnauthorized?: boolean;
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
}

/** What libpq needs for the same way of connecting as the driver's. Certificates go into files of the folder. */
async function tlsEnvironment(
  ssl: unknown,
  folder: string,
  { program, major }: PostgresProgram,
): Promise<Record<string, string>> {
  if (!ssl) return { PGSSLMODE: 'disable' };
  const options: TlsOptions = typeof ssl === 'object' ? ssl : {};
  const verified = options.rejectUnauthorized !== false;
  const env: Record<string, string> = { PGSSLMODE: verified ? 'verify-full' : 'require' };
  for (const [key, variable] of [
    ['ca', 'PGSSLROOTCERT'],
    ['cert', 'PGSSLCERT'],
    ['key', 'PGSSLKEY'],
  ] as const) {
    const content = options[key];
    if (!content) continue;
    env[variable] = path.join(folder, `${key}.pem`);
    await writeFile(env[variable], content, { mode: 0o600 });
  }
  if (!verified || options.ca) return env;
  if (major < SYSTEM_CERTIFICATES) {
    const needed = { program: path.basename(program), version: SYSTEM_CERTIFICATES };
    const reason = phrase('without options.database.ssl.ca, TLS needs {program} of version {version}', needed);
    throw new AppError('APP_DUMP_UNSUPPORTED', { reason });
  }
  return { ...env, PGSSLROOTCERT: 'system' };
}

/** The whole of what libpq knows: nothing of our own environment, and no file with passwords. */
async function connectionEnvironment(
  server: ServerAddress,
  folder: string,
  program: PostgresProgram,
): Promise<Record<string, string | undefined>> {
  const none = path.join(folder, 'none');
  return {
    PGHOST: server.host,
    PGPORT: server.port === undefined ? undefined : String(server.port),
    PGUSER: server.username,
    PGPASSWORD: server.password === '' ? undefined : server.password,
    PGDATABASE: server.database,
    PGCONNECT_TIMEOUT: '10',
    PGAPPNAME: 'nocobase-plugin-app-supervisor',
    PGPASSFILE: none,
    PGSERVICEFILE: none,
    PGSYSCONFDIR: none,
    // Of the user's home, where libpq would look for them, and which none is told to leave alone.
    PGSSLCERT: none,
    PGSSLKEY: none,
    PGSSLROOTCERT: none,
    PGSSLCRL: none,
    // The driver does not sign in by a ticket of the operating system's user either.
    PGGSSENCMODE: 'disable',
    PGREQUIREAUTH: '!gss,!sspi',
    ...(await tlsEnvironment(server.ssl, folder, program)),
  };
}

async function serverVersion(server: ServerAddress): Promise<{ text: string; major: number }> {
  return withClient(server, server.database, async (client) => {
    const { rows } = await client.query<{ text: string; number: number }>(
      `SELECT current_setting('server_version') AS text, current_setting('server_version_num')::int AS number`,
    );
    const { text = '', number = 0 } = rows[0] ?? {};
    return { text: text.split(' ')[0] ?? text, major: Math.floor(number / 10_000) };
  });
}

/** Of a version as `15.18`; 0 if there is none. */
const majorOf = (version: string) => Number.parseInt(version, 10) || 0;

/** A program's own words stay in the log. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ProgramFailure)) throw error;
    const { program, details, code } = error;
    const refused = /password authentication failed|no password supplied/.test(details);
    if (refused) throw new AppError('APP_DATABASE_CREDENTIALS', {}, error);
    if (/connection to server.*failed|could not connect/.test(details)) {
      throw new AppError('APP_DATABASE_UNREACHABLE', { reason: 'see the log' }, error);
    }
    if (/permission denied|must be owner/.test(details)) {
      throw new AppError('APP_DATABASE_DENIED', { reason: 'permission denied' }, error);
    }
    throw new AppError(
      'APP_DUMP_FAILED',
      { program, reason: phrase('exit code {code}', { code: String(code) }) },
      error,
    );
  }
}

/** Fails as soon as the program does. */
export async function runDump(place: Place, output: NodeJS.WritableStream, run: ToolRun): Promise<void> {
  const { inside, layout } = place;
  const { major } = await serverVersion(inside);
  const found = await findPostgresProgram(DUMP, major, major);
  const env = await connectionEnvironment(inside, run.folder, found);
  const args = ['--format=custom', '--no-owner', '--no-privileges', '--no-password', '--lock-wait-timeout=60000'];
  // A pattern, in which nothing between quotes means anything else.
  if (place.schema !== undefined) args.push(`--schema="${layout.schema.replaceAll('"', '""')}"`);
  const child = { program: found.program, args, env, output: output as never };
  await counted(inside, () => told(runProgram({ ...child, timeoutMs: run.timeoutMs, signal: run.signal })));
}

/** A dump is whole or fails, and the program says why in the language of the server. */
const UNREADABLE = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_get_userbyid(c.relowner) AS owner,
         format('ALTER %s %I.%I OWNER TO %I;', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
                n.nspname, c.relname, current_user) AS sql
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'm', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND ($1::text IS NULL OR n.nspname = $1)
     AND (NOT has_table_privilege(c.oid, 'SELECT') OR NOT has_schema_privilege(n.oid, 'USAGE'))
   ORDER BY c.relkind = 'S', 1 LIMIT 1`;

/** Says which table it is that keeps the role of an application from being dumped. */
export async function explainDump(place: Place, error: unknown): Promise<unknown> {
  if (!isAppError(error) || !(error.origin instanceof ProgramFailure) || error.origin.program !== DUMP) return error;
  const reason = await obstacleIn(place);
  return reason === undefined ? error : new AppError('APP_DATABASE_DENIED', { reason }, error.origin);
}

/** Undefined where nothing does, or nobody can say. Never rejects. */
async function obstacleIn({ inside, schema, layout }: Place): Promise<Reason | undefined> {
  const look = withClient(inside, inside.database, (client) =>
    client.query<{ name: string; owner: string; sql: string }>(UNREADABLE, [
      schema === undefined ? null : layout.schema,
    ]),
  );
  const [found] = await look.then(
    ({ rows }) => rows,
    () => [],
  );
  if (!found) return undefined;
  const { name, owner, sql } = found;
  return phrase(
    'it cannot read {name}, which belongs to the role "{owner}": isolate the application again, or run {sql}',
    { name, owner, sql },
  );
}

/** The schema that the tables came with gets the name of the one in which they are looked for here. */
async function renameSchema({ inside, layout }: Place, from: string): Promise<void> {
  if (from === layout.schema) return;
  await withClient(inside, inside.database, async (client) => {
    const [old, wanted] = [client.escapeIdentifier(from), client.escapeIdentifier(layout.schema)];
    await client.query('BEGIN');
    // Empty in a database that was made for this; anything in it would make this fail.
    await client.query(`DROP SCHEMA IF EXISTS ${wanted} RESTRICT`);
    await client.query(`ALTER SCHEMA ${old} RENAME TO ${wanted}`);
    if (from === DEFAULT_SCHEMA) await client.query(`CREATE SCHEMA ${old}`);
    await client.query('COMMIT');
  });
}

/**
 * The dump of an application in a schema carries the marker outside, which is the comment of the schema. It would say that
 * the new database holds a schema of the old application.
 */
async function dropMarker({ inside, layout }: Place): Promise<void> {
  await withClient(inside, inside.database, async (client) => {
    const { rows } = await client.query<{ comment: string | null }>(
      `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1`,
      [layout.schema],
    );
    if (!isMarker(rows[0]?.comment ?? '')) return;
    await client.query(`COMMENT ON SCHEMA ${client.escapeIdentifier(layout.schema)} IS NULL`);
  });
}

/** PostgreSQL, by `pg_dump` and `pg_restore` in their own compressed format. */
export const postgresDump: DumpTools = {
  async describe({ inside, layout }) {
    const server = await serverVersion(inside);
    const tool = await findPostgresProgram(DUMP, server.major, server.major);
    return { server: server.text, tool: tool.text, ...layout };
  },

  async assertInstalled(version) {
    await findPostgresProgram(DUMP, majorOf(version), majorOf(version));
  },

  async dump(place, output, run) {
    try {
      await runDump(place, output, run);
    } catch (error) {
      throw await explainDump(place, error);
    }
  },

  async assertCanRestore({ server }, from: ArchivedDatabase) {
    const here = await serverVersion(server);
    if (!canBeRestored(majorOf(from.tool), here.major)) {
      const versions = { tool: from.tool, server: here.text };
      const reason = phrase('it was exported by pg_dump {tool}, and this server is PostgreSQL {server}', versions);
      throw new AppError('APP_ARCHIVE_UNFIT', { reason });
    }
    await findPostgresProgram(RESTORE, majorOf(from.tool), here.major);
  },

  async restore(place, from, input, run) {
    const { inside, database } = place;
    // What could be read as a list of connection settings would go elsewhere.
    if (!/^[\w-]+$/.test(database)) throw new AppError('APP_DATABASE_NAME_INVALID', { database });
    const { major } = await serverVersion(inside);
    const found = await findPostgresProgram(RESTORE, majorOf(from.tool), major);
    const env = await connectionEnvironment(inside, run.folder, found);
    const args = ['--single-transaction', '--exit-on-error', '--no-owner', '--no-privileges', '--no-password'];
    const child = { program: found.program, args: [...args, `--dbname=${database}`], env, input };
    await counted(inside, () => told(runProgram({ ...child, timeoutMs: run.timeoutMs, signal: run.signal })));
    await renameSchema(place, from.schema);
    await dropMarker(place);
  },

  readFiles: readPostgresFiles,
  moveFiles: movePostgresFiles,
  setTitle: setPostgresTitle,
};

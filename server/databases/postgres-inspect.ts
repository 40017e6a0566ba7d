import type { Client } from 'pg';
import { AppError, isAppError } from '../../src/errors';
import type { DatabaseFinding, ServerAddress, ServerIdentity, Survey } from './dialect';
import { withClient } from './postgres-connection';
import { holdsObjects } from './postgres-objects';

/** NocoBase's own requirement. */
const NEEDED_VERSION = 10;
export const ENCODING = 'UTF8';
const SURVEY_TIMEOUT_MS = 5_000;
const MEASURE_TIMEOUT_MS = 3_000;

async function row<T>(client: Client, sql: string, values: unknown[] = []): Promise<T> {
  return (await client.query<never>(sql, values)).rows[0] as T;
}

async function identityOf(client: Client): Promise<ServerIdentity> {
  const { startedAt } = await row<ServerIdentity>(
    client,
    `SELECT extract(epoch FROM pg_postmaster_start_time())::text AS "startedAt"`,
  );
  try {
    const { id } = await row<{ id: string }>(client, 'SELECT system_identifier::text AS id FROM pg_control_system()');
    return { systemId: id, startedAt };
  } catch {
    return { startedAt };
  }
}

export function identifyPostgres(server: ServerAddress): Promise<ServerIdentity> {
  return withClient({ ...server, queryTimeoutMs: SURVEY_TIMEOUT_MS }, server.database, identityOf);
}

/** What any database of a server says of the server. */
async function surveyServer(client: Client) {
  const found = await row<{ version: string; number: number; readOnly: boolean; mayCreateDatabases: boolean }>(
    client,
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
            pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "readOnly",
            (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user) AS "mayCreateDatabases"`,
  );
  const { version, number, readOnly, mayCreateDatabases } = found;
  return {
    identity: await identityOf(client),
    version: { text: version, needed: String(NEEDED_VERSION), sufficient: number >= NEEDED_VERSION * 10_000 },
    readOnly,
    mayCreateDatabases,
  };
}

async function encodingOf(client: Client, database: string) {
  const sql = 'SELECT pg_encoding_to_char(encoding) AS name FROM pg_database WHERE datname = $1';
  const { name } = await row<{ name: string }>(client, sql, [database]);
  return { name, sufficient: name === ENCODING };
}

/** What is in the connected database, or in the schema of it. */
async function contents(client: Client, schema: string | undefined): Promise<DatabaseFinding> {
  const { there } = await row<{ there: boolean }>(
    client,
    `SELECT $1::text IS NULL OR EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) AS there`,
    [schema ?? null],
  );
  if (!there) return 'absent';
  return (await holdsObjects(client, schema)) ? 'occupied' : 'empty';
}

async function rights(client: Client, schema: string) {
  return row<Pick<Survey, 'mayCreateSchemas' | 'mayCreateTables' | 'schemaReserved' | 'schemaOfRole'>>(
    client,
    `SELECT has_database_privilege(current_database(), 'CREATE') AS "mayCreateSchemas",
            coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1),
                     has_database_privilege(current_database(), 'CREATE')) AS "mayCreateTables",
            EXISTS (SELECT 1 FROM pg_get_keywords() WHERE word = $1 AND catcode IN ('R', 'T')) AS "schemaReserved",
            (SELECT CASE rolname WHEN current_user THEN 'own' ELSE 'other' END
               FROM pg_roles WHERE rolname = $1) AS "schemaOfRole"`,
    [schema],
  );
}

/** A pooler may call a database by a name of its own; whose it is, nobody could tell by that. */
async function assertNoAlias(client: Client, database: string): Promise<void> {
  const { name } = await row<{ name: string }>(client, 'SELECT current_database() AS name');
  if (name === database) return;
  throw new AppError('APP_DATABASE_UNSUPPORTED', { reason: 'the server has this database under another name' });
}

/** See `DatabaseDialect.survey`. The database itself is tried first: it says the most, and often it is there. */
export async function surveyPostgres(server: ServerAddress, database: string, schema?: string): Promise<Survey> {
  const patient = { ...server, queryTimeoutMs: SURVEY_TIMEOUT_MS };
  try {
    return await withClient(patient, database, async (client) => {
      await assertNoAlias(client, database);
      return {
        ...(await surveyServer(client)),
        databaseExists: true,
        encoding: await encodingOf(client, database),
        finding: await contents(client, schema),
        ...(await rights(client, schema ?? 'public')),
      };
    });
  } catch (error) {
    if (!isAppError(error) || error.code !== 'APP_DATABASE_MISSING') throw error;
  }
  return withClient(patient, server.database, async (client) => ({
    ...(await surveyServer(client)),
    databaseExists: false,
    encoding: await encodingOf(client, 'template1'),
    finding: 'absent',
    mayCreateSchemas: false,
    mayCreateTables: false,
    schemaReserved: false,
    schemaOfRole: null,
  }));
}

export async function inspectSchema(server: ServerAddress, schema: string): Promise<DatabaseFinding> {
  return withClient(server, server.database, (client) => contents(client, schema));
}

/** See `DatabaseDialect.measure`. */
export async function measurePostgres(
  server: ServerAddress,
  database: string,
  schema?: string,
): Promise<number | undefined> {
  const patient = { ...server, queryTimeoutMs: MEASURE_TIMEOUT_MS };
  const found = await withClient(patient, schema === undefined ? server.database : database, (client) =>
    schema === undefined
      ? row<{ bytes: string } | undefined>(
          client,
          'SELECT pg_database_size(oid)::text AS bytes FROM pg_database WHERE datname = $1',
          [database],
        )
      : row<{ bytes: string } | undefined>(
          client,
          `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::text AS bytes
             FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'm')
            WHERE n.nspname = $1 GROUP BY n.oid`,
          [schema],
        ),
  );
  return found && Number(found.bytes);
}

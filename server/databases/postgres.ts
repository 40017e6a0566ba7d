import type { Client } from 'pg';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { marker } from './mark';
import { explainPostgresError, withClient } from './postgres-connection';
import { ENCODING, identifyPostgres, measurePostgres, surveyPostgres } from './postgres-inspect';
import { holdsObjects } from './postgres-objects';
import { admitOnly, postgresRoles, transferDatabase } from './postgres-roles';
import { postgresOwnership } from './postgres-ownership';
import { endUninvited } from './postgres-sessions';
import { postgresSchemas } from './postgres-schema';
import { readPostgresVersions } from './postgres-versions';
import type { DatabaseDialect, DatabaseFinding } from './dialect';

/** The name of a database until it carries its mark: nobody else's, since nobody else knows the token. */
export function draftName(token: string): string {
  return `app_supervisor_draft_${token}`.slice(0, 63);
}

export async function dropIfThere(client: Client, database: string): Promise<void> {
  const version = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  const name = client.escapeIdentifier(database);
  if ((version.rows[0]?.version ?? 0) >= 130_000) {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    return;
  }
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
  await client.query(`DROP DATABASE IF EXISTS ${name}`);
}

/** How long the server may take to end a statement that it was told to end. */
const END_MS = 5_000;

/**
 * Ends what the server still does for an attempt whose process was killed: it notices that nobody listens any more only
 * when the database is made, and would leave it behind after all.
 */
export async function endUnfinished(client: Client, token: string): Promise<void> {
  const running = `FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user
    AND starts_with(query, 'CREATE DATABASE') AND position($1 IN query) > 0 AND state = 'active'`;
  const draft = [draftName(token)];
  const { rowCount } = await client.query(`SELECT pg_terminate_backend(pid) ${running}`, draft);
  if (!rowCount) return;
  for (const deadline = Date.now() + END_MS; Date.now() < deadline;) {
    if (!(await client.query(`SELECT ${running}`, draft)).rowCount) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Creates a database to which only its owner may connect. PostgreSQL opens a new database to every role, and roles of
 * applications look for such a moment. Therefore the database accepts connections only after that right was revoked.
 * @param template the database that is copied
 */
export async function createClosed(client: Client, database: string, template?: string): Promise<void> {
  const source = template === undefined ? '' : ` TEMPLATE ${client.escapeIdentifier(template)}`;
  await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}${source} ALLOW_CONNECTIONS false`);
  await openToOwner(client, database);
}

/** Idempotent: an attempt that was cut off may have left the database open to all, or closed to all. */
async function openToOwner(client: Client, database: string): Promise<void> {
  const name = client.escapeIdentifier(database);
  await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC; ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
}

/** What an attempt has left of a database that never got its name. */
export async function dropDraft(client: Client, token: string): Promise<void> {
  await endUnfinished(client, token);
  await dropIfThere(client, draftName(token));
}

export async function commentOf(client: Client, database: string): Promise<string | null | undefined> {
  const found = await client.query<{ comment: string | null }>(
    `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
    [database],
  );
  return found.rows[0]?.comment;
}

/** PostgreSQL: a database is marked as ours by its comment. */
export const postgresDialect: DatabaseDialect = {
  name: 'postgres',
  family: 'postgres',
  defaultPort: 5432,
  maintenanceDatabase: 'postgres',
  creationRight: 'CREATEDB',
  encoding: ENCODING,
  schemas: postgresSchemas,
  roles: postgresRoles,
  ownership: postgresOwnership,
  survey: surveyPostgres,
  identify: identifyPostgres,
  measure: measurePostgres,

  async assertMayCreate(server) {
    await withClient(server, server.database, async (client) => {
      const role = await client.query<{ allowed: boolean }>(
        'SELECT rolcreatedb OR rolsuper AS allowed FROM pg_roles WHERE rolname = current_user',
      );
      if (!role.rows[0]?.allowed) {
        throw new AppError('APP_DATABASE_DENIED', {
          reason: phrase('the role lacks the right {right}', { right: 'CREATEDB' }),
        });
      }
    });
  },

  async inspect(server, database): Promise<DatabaseFinding> {
    const exists = await withClient(server, server.database, async (client) => {
      return (await commentOf(client, database)) !== undefined;
    });
    if (!exists) return 'absent';
    try {
      const filled = await withClient(server, database, (client) => holdsObjects(client));
      return filled ? 'occupied' : 'empty';
    } catch (error) {
      // One that we may not look into belongs to somebody else.
      if (isAppError(error) && ['APP_DATABASE_DENIED', 'APP_DATABASE_CREDENTIALS'].includes(error.code))
        return 'occupied';
      throw error;
    }
  },

  async create(server, database, token, role) {
    return withClient(server, server.database, async (client) => {
      const there = await commentOf(client, database);
      if (there === marker(token)) return false;
      if (there !== undefined) throw new AppError('APP_DATABASE_EXISTS', { database });
      const draft = draftName(token);
      const name = client.escapeIdentifier(draft);
      await endUnfinished(client, token);
      // PostgreSQL makes no database within a transaction: an attempt that was cut off may have got this far.
      if ((await commentOf(client, draft)) === undefined) await createClosed(client, draft);
      else {
        await openToOwner(client, draft);
        // One of an earlier version was open to every role.
        await endUninvited(client, draft);
      }
      if (role !== undefined) {
        await admitOnly(client, draft, role);
        await transferDatabase(server, draft, role);
      }
      await client.query(`COMMENT ON DATABASE ${name} IS ${client.escapeLiteral(marker(token))}`);
      await client.query(`ALTER DATABASE ${name} RENAME TO ${client.escapeIdentifier(database)}`);
      return true;
    });
  },

  async isOwned(server, database, token) {
    return withClient(server, server.database, async (client) => (await commentOf(client, database)) === marker(token));
  },

  async drop(server, database, token) {
    await withClient(server, server.database, async (client) => {
      // Looked at once more: what carries no mark may have come since it was asked for.
      if ((await commentOf(client, database)) === marker(token)) await dropIfThere(client, database);
      await dropDraft(client, token);
    });
  },

  readVersions: readPostgresVersions,

  explain: explainPostgresError,
};

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { RoleObstacle } from '../../src/isolation';
import type { DatabaseRole, RoleKeeper, RoleScope, ServerAddress } from './dialect';
import { marker } from './mark';
import { codeOf, withClient } from './postgres-connection';
import { endSessionsIn, endSessionsInSchema, endSessionsOf } from './postgres-sessions';
import { inTransaction, transferObjects } from './postgres-transfer';

/** The comment of every role of ours. */
const ROLE_MARK = marker('role');
/** Since this version the schema `public` is closed to others, and `ALTER SCHEMA public OWNER` is open to owners. */
const CLOSED_PUBLIC = 150_000;
/** Since this version a membership says whether it is inherited. */
const MEMBERSHIP_OPTIONS = 160_000;
/** Of two that create, grant or drop at the same time; a process that was killed may leave a statement under way. */
const CONCURRENT = /^(?:42704|42710|23505|XX000|40001)$/;
const ATTEMPTS = 5;

const main = 'CURRENT_USER';

/** The beginning of the names of all roles of one main application. @param oid of its database */
function prefixOf(oid: string, realm = ''): string {
  return realm ? `as_${oid}_${realm}_` : `as_${oid}_`;
}

/** Owns what is in template databases, and so in the copies of them; every role of this main application is its member. */
export function templateRole(oid: string, realm?: string): string {
  return `${prefixOf(oid, realm)}template`;
}

/**
 * A password as PostgreSQL keeps it, so that no log of the server holds it. One iteration: there is nothing to guess in
 * 192 random bits, and each connection of a pool would pay for more.
 */
export function scramVerifier(password: string, salt = randomBytes(16)): string {
  const salted = pbkdf2Sync(password, salt, 1, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$1:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`;
}

interface Standing {
  version: number;
  /** Of the main application's database. */
  oid: string;
  /** Null without a comment; absent without a role. */
  comment?: string | null;
  exists: boolean;
  template: boolean;
}

async function standingOf(client: Client, role: string, realm?: string): Promise<Standing> {
  const { rows } = await client.query<Standing>(
    `SELECT current_setting('server_version_num')::int AS version, b.oid::text AS oid, r.oid IS NOT NULL AS exists,
            shobj_description(r.oid, 'pg_authid') AS comment,
            EXISTS (SELECT 1 FROM pg_roles WHERE rolname = replace($2, '?', b.oid::text)) AS template
       FROM pg_database b LEFT JOIN pg_roles r ON r.rolname = $1 WHERE b.datname = current_database()`,
    [role, templateRole('?', realm)],
  );
  return rows[0] as Standing;
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const code = codeOf(isAppError(error) ? error.origin : error);
      if (attempt === ATTEMPTS || !CONCURRENT.test(code)) throw error;
    }
  }
}

/** The statements that make a role of ours as it is to be. */
function roleStatements(
  client: Client,
  role: DatabaseRole,
  standing: Standing,
  { realm, maxConnections }: { realm?: string; maxConnections: number },
): string[] {
  const [name, mark] = [client.escapeIdentifier(role.name), client.escapeLiteral(ROLE_MARK)];
  const shared = client.escapeIdentifier(templateRole(standing.oid, realm));
  const membership = standing.version >= MEMBERSHIP_OPTIONS ? ' WITH INHERIT TRUE, SET TRUE' : '';
  const secret = client.escapeLiteral(scramVerifier(role.password));
  const attributes = `LOGIN PASSWORD ${secret} CONNECTION LIMIT ${maxConnections} VALID UNTIL 'infinity'`;
  return [
    ...(standing.template
      ? []
      : [
          `CREATE ROLE ${shared} NOLOGIN`,
          `COMMENT ON ROLE ${shared} IS ${mark}`,
          `GRANT ${shared} TO ${main}${membership}`,
        ]),
    ...(standing.exists
      ? [`ALTER ROLE ${name} ${attributes}`, `ALTER ROLE ${name} RESET ALL`]
      : [`CREATE ROLE ${name} ${attributes}`, `COMMENT ON ROLE ${name} IS ${mark}`]),
    `GRANT ${name} TO ${main}${membership}`,
    `GRANT ${shared} TO ${name}${membership}`,
  ];
}

/** Closes a database to everybody but its owner and the role. For a database that the main application's role owns. */
export async function admitOnly(client: Client, database: string, role: string): Promise<void> {
  const [name, grantee] = [database, role].map((text) => client.escapeIdentifier(text));
  await client.query(
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${name} TO ${grantee}`,
  );
}

/**
 * Makes the role the owner of all that is in a database which nobody else uses. Not counted as a connection: it is a part
 * of work that has one, and that would wait for a second one with the first in its hand.
 */
export function transferDatabase(server: ServerAddress, database: string, role: string): Promise<void> {
  return withClient({ ...server, lend: undefined }, database, (client) => transferObjects(client, role));
}

async function giveDatabase(server: ServerAddress, database: string, role: string): Promise<void> {
  await withClient(server, server.database, async (client) => {
    const { rows } = await client.query<{ ours: boolean }>(
      `SELECT pg_has_role(datdba, 'USAGE') AS ours FROM pg_database WHERE datname = $1`,
      [database],
    );
    const [found] = rows;
    if (!found) return;
    if (!found.ours)
      throw new AppError('APP_DATABASE_DENIED', { reason: phrase('another role owns "{database}"', { database }) });
    await admitOnly(client, database, role);
    await endSessionsIn(client, database);
    await transferDatabase(server, database, role);
  });
}

async function giveSchema(server: ServerAddress, database: string, schema: string, role: string): Promise<void> {
  await withClient(server, database, async (client) => {
    const there = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
    if (!there.rowCount) return;
    await endSessionsInSchema(client, schema);
    await admitToSchema(client, schema, role);
    await transferObjects(client, role, schema);
  });
}

/** The main application's role goes on owning the schema: its owner could forge its mark. */
export async function admitToSchema(client: Client, schema: string, role: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  const [database = '', name = '', grantee = ''] = [rows[0]?.name ?? '', schema, role].map((text) =>
    client.escapeIdentifier(text),
  );
  await client.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${grantee}`);
  await client.query(`GRANT ALL ON SCHEMA ${name} TO ${grantee}`);
}

/** A list of privileges must fit into one row. */
const MOST_GRANTS = 200;

async function closeToNewRoles(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string; ours: boolean; open: boolean; others: string[] }>(
    `SELECT datname AS name, pg_has_role(datdba, 'USAGE') AS ours,
            has_database_privilege('public'::name, oid, 'CONNECT') AS open,
            ARRAY(SELECT rolname::text FROM pg_roles
                   WHERE rolcanlogin AND NOT rolsuper AND rolname !~ '^as_[0-9]+_' AND rolname <> current_user) AS others
       FROM pg_database WHERE datname = current_database()`,
  );
  const [database] = rows;
  if (!database?.ours || !database.open) return;
  const { name, others } = database;
  if (others.length > MOST_GRANTS) {
    const reason = phrase('{count} roles would each need a right of their own to connect', { count: others.length });
    throw new AppError('APP_DATABASE_DENIED', { reason });
  }
  const quoted = client.escapeIdentifier(name);
  const grantees = others.map((role) => client.escapeIdentifier(role)).join(', ');
  await client.query(
    [
      ...(grantees ? [`GRANT CONNECT, TEMPORARY ON DATABASE ${quoted} TO ${grantees}`] : []),
      `REVOKE CONNECT, TEMPORARY ON DATABASE ${quoted} FROM PUBLIC`,
    ].join('; '),
  );
}

async function isOurs(client: Client, { name }: Pick<DatabaseRole, 'name'>): Promise<boolean> {
  const { exists, comment } = await standingOf(client, name);
  return exists && comment === ROLE_MARK;
}

/** Runs a piece of work on a role of ours, several times if others work on it. @returns undefined without such a role */
function withOurRole<T>(
  server: ServerAddress,
  role: Pick<DatabaseRole, 'name'>,
  work: (client: Client) => Promise<T>,
): Promise<T | undefined> {
  return again(() =>
    withClient(server, server.database, async (client) => ((await isOurs(client, role)) ? work(client) : undefined)),
  );
}

/** Before what belongs to the role is dropped: a session may hold locks on it, and begin anew as soon as it was ended. */
async function lockRole(client: Client, { name }: Pick<DatabaseRole, 'name'>): Promise<void> {
  await client.query(`ALTER ROLE ${client.escapeIdentifier(name)} NOLOGIN`);
  await endSessionsOf(client, name);
}

/** True when the role is gone; false when something belongs to it, be it a privilege. */
async function dropIfUnused(client: Client, role: Pick<DatabaseRole, 'name'>): Promise<boolean> {
  try {
    await client.query(`DROP ROLE IF EXISTS ${client.escapeIdentifier(role.name)}`);
    return true;
  } catch (error) {
    if (codeOf(error) !== '2BP01') throw error;
    return false;
  }
}

async function dropRole(client: Client, role: DatabaseRole): Promise<void> {
  await lockRole(client, role);
  if (await dropIfUnused(client, role)) return;
  // When a schema is gone, privileges on its database are left, and large objects, which are in no schema.
  await client.query(`DROP OWNED BY ${client.escapeIdentifier(role.name)}`);
  await dropIfUnused(client, role);
}

async function rightsObstacle(client: Client): Promise<RoleObstacle | undefined> {
  const { rows } = await client.query<{ name: string; allowed: boolean }>(
    'SELECT rolname AS name, rolcreaterole OR rolsuper AS allowed FROM pg_roles WHERE rolname = current_user',
  );
  const { name = '', allowed } = rows[0] ?? {};
  if (allowed) return undefined;
  return { reason: 'right-missing', sql: `ALTER ROLE ${client.escapeIdentifier(name)} CREATEROLE;` };
}

async function schemaObstacle(client: Client): Promise<RoleObstacle | undefined> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  if ((rows[0]?.version ?? 0) < CLOSED_PUBLIC) return { reason: 'server-old' };
  const open = await client.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND has_schema_privilege('public'::name, oid, 'CREATE')`,
  );
  if (!open.rows.length) return undefined;
  const names = open.rows.map(({ name }) => client.escapeIdentifier(name)).join(', ');
  return { reason: 'schema-open', sql: `REVOKE CREATE ON SCHEMA ${names} FROM PUBLIC;` };
}

/** PostgreSQL: roles of applications are members of one that owns what is in templates; ours is a member of each. */
export const postgresRoles: RoleKeeper = {
  grantsAhead: false,

  async outline(server) {
    const { oid } = await withClient(server, server.database, (client) => standingOf(client, ''));
    return { prefix: prefixOf(oid, server.realm) };
  },

  async ensure(server, role, maxConnections) {
    await again(() =>
      withClient(server, server.database, async (client) => {
        const standing = await standingOf(client, role.name, server.realm);
        if (standing.exists && standing.comment !== ROLE_MARK) {
          throw new AppError('APP_DATABASE_DENIED', {
            reason: phrase('the role "{role}" was not created by this plugin', { role: role.name }),
          });
        }
        await inTransaction(client, () =>
          client.query(roleStatements(client, role, standing, { realm: server.realm, maxConnections }).join('; ')),
        );
      }),
    );
  },

  async maySignIn(server, { name, password }, database) {
    try {
      await withClient({ ...server, username: name, password }, database, () => Promise.resolve());
      return true;
    } catch (error) {
      if (!isAppError(error)) throw error;
      // The server asks who it is before it looks for the database.
      if (['APP_DATABASE_MISSING', 'APP_DATABASE_DENIED'].includes(error.code)) return true;
      // What poolers say of a user that is not on their list.
      if (error.code === 'APP_DATABASE_CREDENTIALS' || codeOf(error.origin) === '08P01') return false;
      throw error;
    }
  },

  async reachesMain(server, main) {
    return withClient(server, server.database, async (client) => {
      const { rows } = await client.query<{ reaches: boolean }>(
        `SELECT rolsuper OR EXISTS (SELECT 1 FROM pg_roles m WHERE m.rolname = $1 AND pg_has_role(r.oid, m.oid, 'MEMBER'))
                AS reaches FROM pg_roles r WHERE rolname = current_user`,
        [main.username ?? ''],
      );
      return rows[0]?.reaches !== false;
    });
  },

  async give(server, { database, schema }: RoleScope, { name }) {
    if (schema !== undefined) return again(() => giveSchema(server, database, schema, name));
    if (database === server.database)
      throw new AppError('APP_DATABASE_DENIED', { reason: 'the application has no database of its own' });
    return again(() => giveDatabase(server, database, name));
  },

  async lock(server, role) {
    await withOurRole(server, role, (client) => lockRole(client, role));
  },

  async unlock(server, role) {
    await withOurRole(server, role, (client) => client.query(`ALTER ROLE ${client.escapeIdentifier(role.name)} LOGIN`));
  },

  async drop(server, role) {
    await withOurRole(server, role, (client) => dropRole(client, role));
  },

  async release(server, role) {
    const released = await withOurRole(server, role, async (client) => {
      await lockRole(client, role);
      return dropIfUnused(client, role);
    });
    return released ?? true;
  },

  async dropUnused(server, role) {
    const dropped = await withOurRole(server, role, (client) => dropIfUnused(client, role));
    return dropped ?? true;
  },

  async list(server) {
    return withClient(server, server.database, async (client) => {
      const { oid } = await standingOf(client, '');
      const { rows } = await client.query<{ name: string }>(
        `SELECT rolname AS name FROM pg_roles
          WHERE rolname ~ $1 AND shobj_description(oid, 'pg_authid') = $2 ORDER BY 1`,
        [`^${prefixOf(oid, server.realm)}[0-9a-f]{16}$`, ROLE_MARK],
      );
      return rows;
    });
  },

  obstacle(server, { database, schema }) {
    return withClient(server, schema === undefined ? server.database : database, async (client) => {
      return (await rightsObstacle(client)) ?? (schema === undefined ? undefined : schemaObstacle(client));
    });
  },

  closeMain(server) {
    return again(() => withClient(server, server.database, closeToNewRoles));
  },

  openDatabases(server) {
    return withClient(server, server.database, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT datname AS name FROM pg_database
          WHERE datallowconn AND NOT datistemplate AND has_database_privilege('public'::name, oid, 'CONNECT') ORDER BY 1`,
      );
      return rows.map(({ name }) => name);
    });
  },
};

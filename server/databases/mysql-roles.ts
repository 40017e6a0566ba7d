import { createHash } from 'node:crypto';
import { isAppError } from '../../src/errors';
import type { RoleObstacle } from '../../src/isolation';
import type { DatabaseRole, RoleKeeper, RoleScope, ServerAddress } from './dialect';
import { explainMysqlError, literal, quoted, withSession, type MysqlSession } from './mysql-connection';
import { grantsIn } from './mysql-grants';
import { MAINTENANCE } from './mysql-inspect';
import { accountOf, endSession, endSessionsIn, endSessionsOfRole } from './mysql-sessions';
import { transferDefinitions } from './mysql-transfer';

/** The pattern by which a grant names a database. An unescaped `_` would match other databases, too. */
function grantPattern(database: string): string {
  return database.replace(/[\\_%]/g, '\\$&');
}

function grantScope(database: string): string {
  return `${quoted(grantPattern(database))}.*`;
}

/** The servers keep the pattern in a column of this size. */
const MAX_PATTERN_LENGTH = 64;

function nameObstacle(database: string): RoleObstacle | undefined {
  return grantPattern(database).length > MAX_PATTERN_LENGTH ? { reason: 'name-too-long' } : undefined;
}

/** The account that the main application's connections have: the part behind the `@` holds for new roles as well. */
async function ownAccount(session: MysqlSession): Promise<Required<Pick<DatabaseRole, 'name' | 'host'>>> {
  const row = await session.row<{ account: string }>('SELECT CURRENT_USER() AS account');
  const account = row?.account ?? '';
  const at = account.lastIndexOf('@');
  return { name: account.slice(0, at), host: account.slice(at + 1) };
}

/** The beginning of the names of all users of one main application. A name may have 32 characters. */
function prefixOf({ database, realm = '' }: ServerAddress): string {
  const digest = createHash('sha256')
    .update(realm ? `${realm}/${database}` : database)
    .digest('hex');
  return `as_${digest.slice(0, 8)}_`;
}

const onServer = <T>(server: ServerAddress, work: (session: MysqlSession) => Promise<T>) =>
  withSession(server, MAINTENANCE, work);

async function databaseExists(session: MysqlSession, database: string): Promise<boolean> {
  const sql = 'SELECT 1 AS there FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?';
  return (await session.row(sql, [database])) !== undefined;
}

/** Creating users is a right on the whole server; handing on rights is one on the databases of applications. */
async function rightsObstacle(session: MysqlSession, database: string): Promise<RoleObstacle | undefined> {
  const own = await ownAccount(session);
  const lines = (await session.run('SHOW GRANTS')).map((row) => String(Object.values(row)[0]));
  const everywhere = lines.filter((line) => / ON \*\.\* TO /.test(line));
  const mayCreate = everywhere.some((line) => /^GRANT (ALL PRIVILEGES|.*\bCREATE USER\b)/.test(line));
  const granting = lines.filter((line) => /WITH GRANT OPTION/.test(line));
  if (mayCreate && grantsIn(granting, database).has('SELECT')) return undefined;
  const sql = [
    `GRANT CREATE USER ON *.* TO ${accountOf(own)};`,
    `GRANT ALL PRIVILEGES ON ${grantScope(database)} TO ${accountOf(own)} WITH GRANT OPTION;`,
  ];
  return { reason: 'right-missing', sql: sql.join('\n') };
}

const DEFINED_BY = `
  SELECT 1 AS found FROM information_schema.VIEWS WHERE DEFINER = ?
  UNION ALL SELECT 1 FROM information_schema.TRIGGERS WHERE DEFINER = ?
  UNION ALL SELECT 1 FROM information_schema.ROUTINES WHERE DEFINER = ?
  UNION ALL SELECT 1 FROM information_schema.EVENTS WHERE DEFINER = ? LIMIT 1`;

/** Whether the user has a privilege. True where main's own user may not read that. */
async function mayDoSomething(session: MysqlSession, role: Pick<DatabaseRole, 'name' | 'host'>): Promise<boolean> {
  try {
    const grants = await session.rows<Record<string, string>>(`SHOW GRANTS FOR ${accountOf(role)}`);
    // USAGE is the word for no privilege at all.
    return !grants.flatMap((row) => Object.values(row)).every((text) => text.startsWith('GRANT USAGE ON *.*'));
  } catch (error) {
    if (explainMysqlError(error).code === 'APP_DATABASE_DENIED') return true;
    throw error;
  }
}

/** Whether views, triggers, routines or events run with the rights of the user. */
async function definesSomething(session: MysqlSession, role: Pick<DatabaseRole, 'name' | 'host'>): Promise<boolean> {
  const account = `${role.name}@${role.host ?? '%'}`;
  return (await session.row(DEFINED_BY, Array<string>(4).fill(account))) !== undefined;
}

/** MySQL and MariaDB: users, in these servers' own words. They have no owners; a grant names a database. */
export const mysqlRoles: RoleKeeper = {
  grantsAhead: true,

  async outline(server) {
    const { host } = await onServer(server, ownAccount);
    return { prefix: prefixOf(server), host };
  },

  async ensure(server, role, maxConnections) {
    await onServer(server, async (session) => {
      const account = accountOf(role);
      const secret = `IDENTIFIED BY ${literal(role.password)} WITH MAX_USER_CONNECTIONS ${maxConnections}`;
      await session.run(`CREATE USER IF NOT EXISTS ${account} ${secret}`);
      // One that was locked, since its application was gone, is in use again.
      await session.run(`ALTER USER ${account} ${secret} ACCOUNT UNLOCK`);
    });
  },

  async maySignIn(server, { name, password }) {
    try {
      await onServer({ ...server, username: name, password }, (session) => session.run('SELECT 1'));
      return true;
    } catch (error) {
      if (isAppError(error) && error.code === 'APP_DATABASE_CREDENTIALS') return false;
      throw error;
    }
  },

  async reachesMain(server, main) {
    // A user sees the databases only on which it has a right.
    return onServer(server, (session) => databaseExists(session, main.database));
  },

  async give(server, { database }: RoleScope, role) {
    const exists = await onServer(server, async (session) => {
      await session.run(`GRANT ALL PRIVILEGES ON ${grantScope(database)} TO ${accountOf(role)}`);
      return databaseExists(session, database);
    });
    if (exists) await transferDefinitions(server, database, role);
  },

  endSessions: endSessionsOfRole,

  endSession,

  endOwnSessions(server, database) {
    // The main application itself works there.
    if (database.toLowerCase() === server.database.toLowerCase()) return Promise.resolve();
    return onServer(server, (session) => endSessionsIn(session, database, true));
  },

  async drop(server, role) {
    await onServer(server, (session) => session.run(`DROP USER IF EXISTS ${accountOf(role)}`));
  },

  async release(server, role) {
    return onServer(server, async (session) => {
      const defined = await definesSomething(session, role);
      // What it defined would run no more without it.
      const sql = defined
        ? `ALTER USER IF EXISTS ${accountOf(role)} ACCOUNT LOCK`
        : `DROP USER IF EXISTS ${accountOf(role)}`;
      await session.run(sql);
      return !defined;
    });
  },

  async dropUnused(server, role) {
    return onServer(server, async (session) => {
      if (await definesSomething(session, role)) return false;
      if (await mayDoSomething(session, role)) return false;
      await session.run(`DROP USER IF EXISTS ${accountOf(role)}`);
      return true;
    });
  },

  async list(server) {
    const prefix = prefixOf(server);
    const sql = 'SELECT User AS name, Host AS host FROM mysql.user WHERE LEFT(User, ?) = ? ORDER BY 1';
    try {
      const found = await onServer(server, (session) => {
        return session.rows<{ name: string; host: string }>(sql, [prefix.length, prefix]);
      });
      return found.filter(({ name }) => /^[0-9a-f]{16}$/.test(name.slice(prefix.length)));
    } catch (error) {
      // Most roles may not read this table.
      if (isAppError(error) && error.code === 'APP_DATABASE_DENIED') return [];
      throw error;
    }
  },

  nameObstacle,

  async obstacle(server, { database }) {
    return nameObstacle(database) ?? onServer(server, (session) => rightsObstacle(session, database));
  },

  closeMain() {
    return Promise.resolve();
  },

  openDatabases() {
    return Promise.resolve([]);
  },
};

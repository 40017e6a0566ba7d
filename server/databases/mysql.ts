import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { StoredPlugin } from '../../src/policies/upgrade-plan';
import type { DatabaseDialect, ServerAddress, TableLayout } from './dialect';
import { explainMysqlError, mysqlCodeOf, quoted, withSession, type MysqlSession } from './mysql-connection';
import { grants, mayMakeDatabases } from './mysql-grants';
import {
  contentsOf,
  ENCODING,
  findDatabase,
  identifyMysql,
  inspectMysql,
  MAINTENANCE,
  MARK_TABLE,
  measureMysql,
  surveyMysql,
  type FoundDatabase,
} from './mysql-inspect';
import { marker } from './mark';
import { mysqlRoles } from './mysql-roles';
import { endSessionsIn } from './mysql-sessions';
import { mysqlOwnership } from './mysql-ownership';
import { casedName, coreTable, VERSION_COLLECTION } from './table-names';

/**
 * The collation of a database that is in the making, or being dropped. It is part of the statement that creates it, and
 * an empty database of a stranger's does not sort as ancient Romans did.
 */
const DRAFT_COLLATION = 'utf8mb4_roman_ci';
const CREATION_RIGHT = 'CREATE, ALTER or DROP';
/** How long a table that somebody uses is waited for, and another process that makes or drops the same database. */
const LOCK_TIMEOUT_S = 10;

/** Only one process at a time makes or drops a database of this name. The lock ends with the connection. */
async function exclusively<T>(
  server: ServerAddress,
  database: string,
  work: (session: MysqlSession) => Promise<T>,
): Promise<T> {
  const name = server.lockName?.(database.toLowerCase());
  if (name === undefined) throw new AppError('APP_DATABASE_FAILED', { reason: 'the lock has no name' });
  return withSession(server, MAINTENANCE, async (session) => {
    await lock(session, name);
    return work(session);
  });
}

async function lock(session: MysqlSession, name: string): Promise<void> {
  const row = await session.row<{ locked: number | null }>('SELECT GET_LOCK(?, ?) AS locked', [name, LOCK_TIMEOUT_S]);
  if (Number(row?.locked) !== 1) {
    throw new AppError('APP_DATABASE_FAILED', { reason: 'another process is creating or dropping this database' });
  }
}

/** Null where it carries none. */
async function markOf(session: MysqlSession, { name }: FoundDatabase): Promise<string | null> {
  const found = await session.row<{ mark: string }>(
    `SELECT TABLE_COMMENT AS mark FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = ? AND LOWER(TABLE_NAME) = ?`,
    [name, MARK_TABLE],
  );
  return found?.mark ?? null;
}

/** Ours, and nothing in it: what an interrupted `create` or `drop` left. */
async function isDraft(session: MysqlSession, there: FoundDatabase): Promise<boolean> {
  if (there.collation !== DRAFT_COLLATION || (await markOf(session, there)) !== null) return false;
  return (await contentsOf(session, there)).length === 0;
}

async function makeMark(session: MysqlSession, database: string, token: string): Promise<void> {
  const table = `${quoted(database)}.${quoted(MARK_TABLE)}`;
  // A comment stands in the statement itself; what a backslash means in text is up to the server's mode otherwise.
  await session.run(`SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'`);
  const comment = marker(token).replaceAll(`'`, `''`);
  await session.run(`CREATE TABLE ${table} (id INT PRIMARY KEY) COMMENT = '${comment}'`);
  await session.run(`ALTER DATABASE ${quoted(database)} CHARACTER SET ${ENCODING}`);
}

/** All but the mark, so that what is left of an interrupted attempt is still ours. */
async function dropContents(session: MysqlSession, there: FoundDatabase): Promise<void> {
  await session.run(`SET SESSION lock_wait_timeout = ${LOCK_TIMEOUT_S}, foreign_key_checks = 0`);
  for (const { name, view } of await contentsOf(session, there)) {
    await session.run(`DROP ${Number(view) ? 'VIEW' : 'TABLE'} IF EXISTS ${quoted(there.name)}.${quoted(name)}`);
  }
}

async function dropMarked(session: MysqlSession, there: FoundDatabase): Promise<void> {
  await endSessionsIn(session, there.name);
  await session.run(`ALTER DATABASE ${quoted(there.name)} CHARACTER SET ${ENCODING} COLLATE ${DRAFT_COLLATION}`);
  await dropContents(session, there);
  await session.run(`DROP DATABASE ${quoted(there.name)}`);
}

/** No such table, no such column: not the tables of a NocoBase, or those of a very old one. */
const UNKNOWN_TABLES = new Set(['ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR', 'ER_BAD_TABLE_ERROR']);

/** The core's own names of the two tables that hold versions, as they are called in this layout. */
function versionTables(layout: TableLayout) {
  return {
    core: quoted(coreTable(VERSION_COLLECTION, layout)),
    plugins: quoted(coreTable('applicationPlugins', layout)),
    packageName: quoted(casedName('packageName', layout)),
  };
}

/** Whatever else has the name of a table, such as a view, could run a function with the rights of whoever reads it. */
async function plainTables(session: MysqlSession, layout: TableLayout): Promise<Set<string>> {
  const found = await session.rows<{ name: string }>(
    `SELECT LOWER(TABLE_NAME) AS name FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND LOWER(TABLE_NAME) IN (LOWER(?), LOWER(?))`,
    [coreTable(VERSION_COLLECTION, layout), coreTable('applicationPlugins', layout)],
  );
  return new Set(found.map(({ name }) => name));
}

async function readVersions(server: ServerAddress, layout: TableLayout) {
  return withSession(server, server.database, async (session) => {
    const { core, plugins, packageName } = versionTables(layout);
    const tables = await plainTables(session, layout);
    if (!tables.has(coreTable(VERSION_COLLECTION, layout).toLowerCase())) return undefined;
    const ask = async (sql: string) => {
      try {
        return await session.rows<{ package: string | null; version: string | null }>(sql);
      } catch (error) {
        if (UNKNOWN_TABLES.has(mysqlCodeOf(error))) return undefined;
        throw error;
      }
    };
    const own = `SELECT NULL AS package, \`value\` AS version FROM ${core}`;
    const all = `${own} UNION ALL SELECT ${packageName}, version FROM ${plugins} WHERE enabled AND ${packageName} IS NOT NULL`;
    const hasPlugins = tables.has(coreTable('applicationPlugins', layout).toLowerCase());
    const rows = (hasPlugins ? await ask(all) : undefined) ?? (await ask(own));
    if (!rows) return undefined;
    return {
      core: rows.find((row) => row.package === null)?.version ?? null,
      plugins: rows.flatMap(({ package: name, version }): StoredPlugin[] =>
        name === null ? [] : [{ packageName: name, version }],
      ),
    };
  });
}

/**
 * MySQL and MariaDB. A database has no comment in MySQL, and none can be renamed: it is marked by the comment of a table
 * of ours in it, which is made before anything else. Between the two statements it is told by its collation; see
 * `DRAFT_COLLATION`. One way for both kinds of server: each may be spoken to by the dialect of the other.
 */
function dialectNamed(name: 'mysql' | 'mariadb'): DatabaseDialect {
  return {
    name,
    family: 'mysql',
    dropsInSteps: true,
    defaultPort: 3306,
    maintenanceDatabase: MAINTENANCE,
    creationRight: CREATION_RIGHT,
    encoding: ENCODING,
    roles: mysqlRoles,
    ownership: mysqlOwnership,
    survey: (server, database, schema) => surveyMysql(name, server, database, schema),
    identify: identifyMysql,
    measure: measureMysql,
    inspect: inspectMysql,
    readVersions,
    explain: explainMysqlError,

    async assertMayCreate(server) {
      await withSession(server, MAINTENANCE, async (session) => {
        const { version = '' } = (await session.row<{ version: string }>('SELECT VERSION() AS version')) ?? {};
        if (mayMakeDatabases(await grants(session, '', /mariadb/i.test(version)))) return;
        throw new AppError('APP_DATABASE_DENIED', {
          reason: phrase('the role lacks the right {right}', { right: CREATION_RIGHT }),
        });
      });
    },

    async create(server, database, token) {
      return exclusively(server, database, async (session) => {
        let there = await findDatabase(session, database);
        if (there && (await markOf(session, there)) === marker(token)) {
          // An attempt may have been cut off between its last two statements.
          if (there.collation === DRAFT_COLLATION) {
            await session.run(`ALTER DATABASE ${quoted(there.name)} CHARACTER SET ${ENCODING}`);
          }
          return false;
        }
        if (there && !(await isDraft(session, there))) throw new AppError('APP_DATABASE_EXISTS', { database });
        if (!there) {
          await session.run(`CREATE DATABASE ${quoted(database)} CHARACTER SET ${ENCODING} COLLATE ${DRAFT_COLLATION}`);
          there = { name: database, charset: ENCODING, collation: DRAFT_COLLATION };
        }
        await makeMark(session, there.name, token);
        return true;
      });
    },

    async isOwned(server, database, token) {
      return withSession(server, MAINTENANCE, async (session) => {
        const there = await findDatabase(session, database);
        return there !== undefined && (await markOf(session, there)) === marker(token);
      });
    },

    async clear(server, database, token) {
      await exclusively(server, database, async (session) => {
        const there = await findDatabase(session, database);
        if (!there || (await markOf(session, there)) !== marker(token)) {
          throw new AppError('APP_DATABASE_NOT_OWNED', { database });
        }
        await dropContents(session, there);
      });
    },

    async drop(server, database, token) {
      await exclusively(server, database, async (session) => {
        const there = await findDatabase(session, database);
        if (!there) return;
        // Looked at once more: what carries no mark may have come since it was asked for.
        const ours = (await markOf(session, there)) === marker(token) || (await isDraft(session, there));
        if (ours) await dropMarked(session, there);
      });
    },
  };
}

export const mariadbDialect = dialectNamed('mariadb');
/** By the dialect `mysql`; there is but one way of speaking to both. */
export const mysqlDialect = dialectNamed('mysql');

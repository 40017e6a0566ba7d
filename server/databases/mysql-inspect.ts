import { AppError } from '../../src/errors';
import type { DatabaseFinding, ServerAddress, ServerIdentity, Survey } from './dialect';
import { assertDriver, withSession, type MysqlSession } from './mysql-connection';
import { grants, mayMakeDatabases, type Grants } from './mysql-grants';

/** Every server has it, and every user may use it. */
export const MAINTENANCE = 'information_schema';
/** Our table in a database that we made. */
export const MARK_TABLE = 'app_supervisor_mark';
const SURVEY_TIMEOUT_MS = 5_000;
const MEASURE_TIMEOUT_MS = 3_000;
export const ENCODING = 'utf8mb4';
/** NocoBase's own requirements. */
const NEEDED = { MariaDB: '10.9', MySQL: '8.0.17' };

/** A database as the server spells it. */
export interface FoundDatabase {
  name: string;
  charset: string;
  collation: string;
}

/** How this server tells names of databases apart; see `lower_case_table_names`. */
export async function findDatabase(session: MysqlSession, database: string): Promise<FoundDatabase | undefined> {
  const found = await session.rows<FoundDatabase & { folded: number }>(
    `SELECT SCHEMA_NAME AS name, DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation,
            @@lower_case_table_names AS folded
       FROM information_schema.SCHEMATA WHERE LOWER(SCHEMA_NAME) = LOWER(?)`,
    [database],
  );
  return found.find(({ name, folded }) => name === database || Number(folded) !== 0);
}

/** Tables and views, without our mark. */
export function contentsOf(session: MysqlSession, { name }: FoundDatabase): Promise<{ name: string; view: number }[]> {
  return session.rows<{ name: string; view: number }>(
    `SELECT TABLE_NAME AS name, TABLE_TYPE LIKE '%VIEW' AS view FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = ? AND LOWER(TABLE_NAME) <> ?`,
    [name, MARK_TABLE],
  );
}

const IDENTIFYING = [
  ...['server_uuid', 'server_uid', 'server_id', 'hostname', 'port', 'datadir', 'socket', 'pid_file', 'version'],
];

async function identityOf(session: MysqlSession): Promise<ServerIdentity> {
  const found = await session.run(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${IDENTIFYING.map((name) => `'${name}'`).join(', ')})`,
  );
  const values = new Map(found.map((row) => [String(row.Variable_name), String(row.Value)]));
  const uuid = values.get('server_uuid');
  if (uuid) return { systemId: uuid };
  // MariaDB has no number of its own for life. Where everything is alike it is the same, or it is taken for that.
  return { systemId: JSON.stringify([...values].sort(([one], [other]) => (one < other ? -1 : 1))) };
}

export function identifyMysql(server: ServerAddress): Promise<ServerIdentity> {
  return withSession({ ...server, queryTimeoutMs: SURVEY_TIMEOUT_MS }, MAINTENANCE, identityOf);
}

/** Whether one version is at least the other: as many numbers as the other one has. */
export function isAtLeast(version: string, needed: string): boolean {
  const numbers = (text: string) => (/^\d+(\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number);
  const have = numbers(version);
  for (const [index, wanted] of numbers(needed).entries()) {
    const number = have[index] ?? 0;
    if (number !== wanted) return number > wanted;
  }
  return true;
}

/** The server's maker and number, and whether they are enough. */
export async function readMysqlVersion(session: MysqlSession): Promise<Survey['version'] & { mariadb: boolean }> {
  const { version = '' } = (await session.row<{ version: string }>('SELECT VERSION() AS version')) ?? {};
  const mariadb = /mariadb/i.test(version);
  const kind = mariadb ? 'MariaDB' : 'MySQL';
  // Some answer with a number before their own, for the sake of old clients.
  const number = version.replace(/^5\.5\.5-/, '');
  const sufficient = isAtLeast(number, NEEDED[kind]);
  return { text: `${kind} ${number.split('-')[0]}`, needed: `${kind} ${NEEDED[kind]}`, sufficient, mariadb };
}

/** Some roles write where others may not. */
async function isReadOnly(session: MysqlSession, may: Grants): Promise<boolean> {
  const rows = await session.run(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only')`,
  );
  const set = rows.filter((row) => !/^(off|0)$/i.test(String(row.Value))).map((row) => String(row.Variable_name));
  if (set.some((variable) => variable !== 'read_only')) return true;
  return set.length > 0 && !['SUPER', 'READ_ONLY ADMIN', 'CONNECTION_ADMIN'].some((right) => may.has(right));
}

/** See `DatabaseDialect.survey`. All is asked over one connection. */
export async function surveyMysql(
  name: 'mysql' | 'mariadb',
  server: ServerAddress,
  database: string,
  schema?: string,
): Promise<Survey> {
  if (schema !== undefined) throw noSchemas();
  assertDriver(name);
  return withSession({ ...server, queryTimeoutMs: SURVEY_TIMEOUT_MS }, MAINTENANCE, async (session) => {
    const { mariadb, ...version } = await readMysqlVersion(session);
    const identity = await identityOf(session);
    const there = await findDatabase(session, database);
    const may = await grants(session, there?.name ?? database, mariadb);
    return {
      identity,
      version,
      readOnly: await isReadOnly(session, may),
      finding: there ? await findingOf(session, there) : 'absent',
      databaseExists: there !== undefined,
      encoding: { name: there?.charset ?? ENCODING, sufficient: !there || there.charset === ENCODING },
      mayCreateDatabases: mayMakeDatabases(may),
      mayCreateSchemas: false,
      mayCreateTables: may.has('CREATE') && may.has('ALTER') && may.has('INSERT'),
      schemaReserved: false,
      schemaOfRole: null,
    };
  });
}

export function noSchemas(): AppError {
  return new AppError('APP_DATABASE_UNSUPPORTED', { reason: 'MySQL and MariaDB have no schemas; use a database' });
}

/** Routines and events run in the application that is made there, as its tables do. */
const HAS_CODE = `
  SELECT 1 AS there FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?
  UNION ALL SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? LIMIT 1`;

async function findingOf(session: MysqlSession, there: FoundDatabase): Promise<DatabaseFinding> {
  if ((await contentsOf(session, there)).length > 0) return 'occupied';
  return (await session.row(HAS_CODE, [there.name, there.name])) ? 'occupied' : 'empty';
}

export function inspectMysql(server: ServerAddress, database: string): Promise<DatabaseFinding> {
  return withSession(server, MAINTENANCE, async (session) => {
    const there = await findDatabase(session, database);
    return there ? findingOf(session, there) : 'absent';
  });
}

/** See `DatabaseDialect.measure`. */
export async function measureMysql(server: ServerAddress, database: string): Promise<number | undefined> {
  return withSession({ ...server, queryTimeoutMs: MEASURE_TIMEOUT_MS }, MAINTENANCE, async (session) => {
    const there = await findDatabase(session, database);
    if (!there) return undefined;
    // MySQL shows figures that are up to a day old otherwise; MariaDB has no such setting, and no such delay.
    await session.run('SET SESSION information_schema_stats_expiry = 0').catch(() => undefined);
    const found = await session.row<{ bytes: string | number | null }>(
      `SELECT SUM(DATA_LENGTH + INDEX_LENGTH) AS bytes FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?`,
      [there.name],
    );
    return Number(found?.bytes ?? 0);
  });
}

import { setTimeout as pause } from 'node:timers/promises';
import { AppError, isAppError } from '../../src/errors';
import type { DatabaseRole, ServerAddress } from './dialect';
import { literal, mysqlCodeOf, quoted, withSession, type MysqlSession } from './mysql-connection';
import { MAINTENANCE } from './mysql-inspect';
import { generateRolePassword } from './secrets';

/** How long sessions are waited for that were told to end: one that rolls back much ends late. */
const END_DEADLINE_MS = 10_000;
const LOOK_MS = 25;
/** Admits one session more, however many the application has opened. */
const MANY_CONNECTIONS = 100_000;

interface Thread {
  Id: number;
  User: string;
  db: string | null;
}

export function accountOf({ name, host = '%' }: Pick<DatabaseRole, 'name' | 'host'>): string {
  return `${quoted(name)}@${quoted(host)}`;
}

/**
 * Ends the chosen sessions, and waits until they are gone. `KILL CONNECTION` is caught by no handler in a statement.
 * Sessions that the current user may not end stay: they belong to users that no application can sign in as.
 * @throws APP_DATABASE_SESSIONS if one is left after the deadline
 */
async function endThreads(session: MysqlSession, isChosen: (thread: Thread) => boolean): Promise<void> {
  const own = Number((await session.row<{ id: number }>('SELECT CONNECTION_ID() AS id'))?.id);
  const denied = new Set<number>();
  const until = Date.now() + END_DEADLINE_MS;
  for (;;) {
    // The table of the same content is read in MySQL 8 under a lock that all sessions need.
    const all = (await session.run('SHOW PROCESSLIST')) as unknown as Thread[];
    const left = all.filter((thread) => thread.Id !== own && !denied.has(thread.Id) && isChosen(thread));
    if (!left.length) return;
    if (Date.now() > until) throw new AppError('APP_DATABASE_SESSIONS', { count: left.length });
    for (const { Id } of left) {
      await session.run(`KILL CONNECTION ${Number(Id)}`).catch((error: unknown) => {
        const code = mysqlCodeOf(error);
        if (code === 'ER_KILL_DENIED_ERROR') denied.add(Id);
        else if (code !== 'ER_NO_SUCH_THREAD') throw error;
      });
    }
    await pause(LOOK_MS);
  }
}

/** The second way to sign in withstands SQL of the user that sets its password: MariaDB changes only the first one. */
function secretOf(password: string, mariadb: boolean): string {
  if (!mariadb) return `IDENTIFIED BY ${literal(password)}`;
  const way = (text: string) => `mysql_native_password USING PASSWORD(${literal(text)})`;
  return `IDENTIFIED VIA ${way(generateRolePassword())} OR ${way(password)}`;
}

/** Gives the user a random password and an unlimited number of sessions. Creates a user that its sessions have outlived. */
async function renewPassword(session: MysqlSession, role: Pick<DatabaseRole, 'name' | 'host'>): Promise<string> {
  const { version } = (await session.row<{ version: string }>('SELECT VERSION() AS version')) ?? {};
  const password = generateRolePassword();
  const secret = `${secretOf(password, /mariadb/i.test(version ?? ''))} WITH MAX_USER_CONNECTIONS ${MANY_CONNECTIONS}`;
  await session.run(`CREATE USER IF NOT EXISTS ${accountOf(role)} ${secret}`);
  await session.run(`ALTER USER ${accountOf(role)} ${secret} ACCOUNT UNLOCK`);
  return password;
}

/**
 * Ends the sessions of an application's user, as that user: a server lets each user see and end its own sessions, and the
 * main application's user usually none of others.
 * @param only the number of the one session to end
 * @throws APP_DATABASE_SESSIONS if one is left. In either case the user keeps the random password.
 */
export async function endSessionsOfRole(
  server: ServerAddress,
  role: Pick<DatabaseRole, 'name' | 'host'>,
  only?: number,
): Promise<void> {
  const end = (session: MysqlSession) =>
    endThreads(session, ({ Id, User }) => User === role.name && (only === undefined || Id === only));
  const until = Date.now() + END_DEADLINE_MS;
  for (;;) {
    const password = await withSession(server, MAINTENANCE, (session) => renewPassword(session, role));
    try {
      return await withSession({ ...server, username: role.name, password }, MAINTENANCE, end);
    } catch (error) {
      // In MySQL, SQL of the user may have set its password between the two statements.
      const isRefused = isAppError(error) && error.code === 'APP_DATABASE_CREDENTIALS';
      if (!isRefused || Date.now() > until) throw error;
    }
  }
}

/** Ends one session of the connected user by its number. */
export function endSession(server: ServerAddress, thread: number): Promise<void> {
  return withSession(server, MAINTENANCE, (session) =>
    endThreads(session, ({ Id, User }) => Id === thread && User === server.username),
  );
}

/** Ends all sessions in a database that the connected user may end. @param own only those of the connected user */
export async function endSessionsIn(session: MysqlSession, database: string, own = false): Promise<void> {
  const row = await session.row<{ name: string }>(`SELECT SUBSTRING_INDEX(USER(), '@', 1) AS name`);
  const isOwn = ({ User }: Thread) => !own || User === row?.name;
  const wanted = database.toLowerCase();
  await endThreads(session, (thread) => thread.db?.toLowerCase() === wanted && isOwn(thread));
}

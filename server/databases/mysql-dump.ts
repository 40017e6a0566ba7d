import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { rootCertificates } from 'node:tls';
import type { ArchivedDatabase } from '../../src/archive-manifest';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { clientPackage, programAnswer, ProgramFailure, runProgram, startFailure } from './child-program';
import type { ServerAddress } from './dialect';
import { isDiskFull } from './error-chain';
import { counted, type DumpTools, type ToolRun } from './dump-tools';
import { withSession, type MysqlSession } from './mysql-connection';
import { moveMysqlFiles, readMysqlFiles } from './mysql-files';
import { isAtLeast, MAINTENANCE, MARK_TABLE, readMysqlVersion } from './mysql-inspect';
import { ENGINES, SANDBOX_LINE, ScriptCheck, ScriptRefusal } from './mysql-script';
import type { Place } from './place';
import { setMysqlTitle } from './mysql-title';

type Maker = 'MariaDB' | 'MySQL';

/** A server, or a program, of one of the two makers: as both go on, their dumps differ. */
interface Edition {
  maker: Maker;
  version: string;
}

const PROGRAMS: Record<Maker, Record<'dump' | 'client', readonly string[]>> = {
  MariaDB: { dump: ['mariadb-dump', 'mysqldump'], client: ['mariadb', 'mysql'] },
  MySQL: { dump: ['mysqldump'], client: ['mysql'] },
};

/** Of our own text, as it stands in a manifest. */
function parseEdition(text: string): Edition {
  const [, maker, version] = /^(MariaDB|MySQL) (\d{1,5}(?:\.\d{1,5}){0,3})$/.exec(text) ?? [];
  if (!version)
    throw new AppError('APP_ARCHIVE_INVALID', {
      reason: phrase('{what} is not valid', { what: 'the version of its database' }),
    });
  return { maker: maker as Maker, version };
}

const textOf = ({ maker, version }: Edition) => `${maker} ${version}`;
const major = (version: string) => Number.parseInt(version, 10) || 0;
const minor = (version: string) => version.split('.').slice(0, 2).join('.');

/** What `--version` says: the program's own number is not that of what it came with. */
export function programEdition(said: string): Edition {
  const found = /(?:Distrib|from) (\d+(?:\.\d+)+)/.exec(said) ?? /Ver (\d+(?:\.\d+)+)/.exec(said);
  return { maker: /mariadb/i.test(said) ? 'MariaDB' : 'MySQL', version: found?.[1] ?? '0' };
}

/** @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD when it is of the other maker, or older than what is needed */
async function findProgram(kind: 'dump' | 'client', needed: Edition): Promise<Edition & { program: string }> {
  const [usual = '', ...others] = PROGRAMS[needed.maker][kind];
  const wanted = `${needed.maker} ${major(needed.version)}`;
  const about = { needed: wanted, package: clientPackage(usual) };
  let refusal = new AppError('APP_DUMP_TOOL_MISSING', { ...about, program: usual });
  for (const program of [usual, ...others]) {
    try {
      const edition = programEdition(await programAnswer(program));
      if (edition.maker === needed.maker && major(edition.version) >= major(needed.version)) {
        return { ...edition, program };
      }
      refusal = new AppError('APP_DUMP_TOOL_OLD', { ...about, program, version: textOf(edition) });
    } catch (error) {
      const failure = startFailure(program, error);
      if (failure.code !== 'APP_DUMP_TOOL_MISSING') refusal = failure;
    }
  }
  throw refusal;
}

async function serverEdition({ server }: Place): Promise<Edition> {
  return withSession(server, MAINTENANCE, async (session) => parseEdition((await readMysqlVersion(session)).text));
}

/**
 * What our dumps do not carry: it would be lost in silence, and as code of a stranger's it is not taken in.
 * @throws APP_ARCHIVE_UNFIT
 */
async function assertTablesOnly(session: MysqlSession, database: string): Promise<void> {
  const engines = ENGINES.map((engine) => `'${engine}'`).join(', ');
  const other = await session.row<{ kind: string; name: string }>(
    `SELECT LOWER(TABLE_TYPE) AS kind, TABLE_NAME AS name FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'BASE TABLE'
     UNION ALL SELECT CONCAT('table of the engine ', ENGINE), TABLE_NAME FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN (${engines})
     UNION ALL SELECT 'trigger', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
     UNION ALL SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?
     UNION ALL SELECT 'event', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? LIMIT 1`,
    Array<string>(5).fill(database),
  );
  if (!other) return;
  const { kind, name } = other;
  const reason = phrase('its database contains a {kind}, "{name}"; archives of MySQL and MariaDB contain tables only', {
    kind,
    name,
  });
  throw new AppError('APP_ARCHIVE_UNFIT', { reason });
}

/** The same way of connecting as the driver's, which trusts the certificates that Node.js comes with. */
async function tlsArguments(maker: Maker, ssl: unknown, folder: string): Promise<string[]> {
  const mariadb = maker === 'MariaDB';
  if (!ssl) return mariadb ? ['--skip-ssl'] : ['--ssl-mode=DISABLED', '--get-server-public-key'];
  const options = typeof ssl === 'object' ? (ssl as { rejectUnauthorized?: boolean; ca?: string | Buffer }) : {};
  if (options.rejectUnauthorized === false) {
    return mariadb ? ['--ssl', '--skip-ssl-verify-server-cert'] : ['--ssl-mode=REQUIRED'];
  }
  const file = path.join(folder, 'ca.pem');
  await writeFile(file, options.ca ?? rootCertificates.join('\n'), { mode: 0o600 });
  return [`--ssl-ca=${file}`, mariadb ? '--ssl-verify-server-cert' : '--ssl-mode=VERIFY_CA'];
}

/** No file with settings or passwords of anybody's is read; `--no-defaults` must come first. */
async function connectionArguments(maker: Maker, server: ServerAddress, folder: string): Promise<string[]> {
  const { host = '127.0.0.1', port, username } = server;
  return [
    ...['--no-defaults', '--protocol=tcp', `--host=${host}`, ...(port === undefined ? [] : [`--port=${port}`])],
    ...(username === undefined ? [] : [`--user=${username}`]),
    ...['--default-character-set=utf8mb4', '--max-allowed-packet=1G'],
    ...(await tlsArguments(maker, server.ssl, folder)),
  ];
}

/** MySQL's clients read the passwords of a login file in spite of `--no-defaults`. */
const environmentOf = ({ password }: ServerAddress, folder: string) => ({
  MYSQL_PWD: password === '' ? undefined : password,
  MYSQL_TEST_LOGIN_FILE: path.join(folder, 'none'),
});

/** A program's own words stay in the log, without the values that it names. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ProgramFailure)) throw error;
    const { program, code } = error;
    const failure = new ProgramFailure(program, code, error.details.replace(/'.*'/g, '…'));
    const number = Number(/error:? (\d{4})\b/i.exec(failure.details)?.[1] ?? 0);
    if ([1045, 1698].includes(number)) throw new AppError('APP_DATABASE_CREDENTIALS', {}, failure);
    if ([2002, 2003, 2005, 2006, 2013, 2026].includes(number)) {
      throw new AppError('APP_DATABASE_UNREACHABLE', { reason: 'see the log' }, failure);
    }
    if ([1044, 1142, 1143, 1227].includes(number)) {
      throw new AppError('APP_DATABASE_DENIED', { reason: 'access denied' }, failure);
    }
    if (isDiskFull({ errno: number })) throw new AppError('APP_DATABASE_FULL', {}, failure);
    throw new AppError(
      'APP_DUMP_FAILED',
      { program, reason: phrase('exit code {code}', { code: String(code) }) },
      failure,
    );
  }
}

const DUMP_ARGUMENTS = [
  // One moment, without locks; rows as they come.
  ...['--single-transaction', '--quick', '--hex-blob', '--no-tablespaces', '--skip-triggers'],
  ...['--skip-comments', '--skip-add-drop-table', '--skip-add-locks', '--skip-disable-keys'],
];
const MYSQL_ONLY = ['--set-gtid-purged=OFF', '--column-statistics=0'];

/** A dump that could not be restored is no archive. */
function unfit(error: unknown): unknown {
  return error instanceof ScriptRefusal ? new AppError('APP_ARCHIVE_UNFIT', { reason: error.reason }, error) : error;
}

async function runDump(place: Place, output: Writable, run: ToolRun): Promise<void> {
  const { inside, database } = place;
  const { maker, program } = await findProgram('dump', await serverEdition(place));
  const args = [
    ...(await connectionArguments(maker, inside, run.folder)),
    ...DUMP_ARGUMENTS,
    ...(maker === 'MySQL' ? MYSQL_ONLY : []),
    `--ignore-table=${database}.${MARK_TABLE}`,
    ...['--', database],
  ];
  const check = new ScriptCheck();
  const passing = pipeline(check, output);
  // Whoever fails first is told of; the other one ends with it.
  passing.catch(() => undefined);
  const child = { program, args, env: environmentOf(inside, run.folder), output: check };
  try {
    await counted(inside, () => told(runProgram({ ...child, timeoutMs: run.timeoutMs, signal: run.signal })));
    await passing;
  } catch (error) {
    throw unfit(error);
  }
}

/** Older clients stumble over a line that we do not need: nothing that it would forbid is let through. */
async function* withoutSandboxLine(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let first = true;
  for await (const chunk of input) {
    const end = first ? chunk.indexOf('\n') : -1;
    const sandboxed = end !== -1 && SANDBOX_LINE.test(chunk.toString('latin1', 0, end));
    yield sandboxed ? chunk.subarray(end) : chunk;
    first = false;
  }
}

/** How a text ends is up to the mode of the session, in which the dump was looked through. */
const SESSION = `SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', foreign_key_checks = 0`;
/** As a client in a file reads them: no commands of its own, and no file of this machine. */
const RESTORE_ARGUMENTS = ['--binary-mode', '--local-infile=0', '--batch', `--init-command=${SESSION}`];

/** MySQL and MariaDB, by the programs of the server's maker, as SQL. */
export const mysqlDump: DumpTools = {
  async describe(place) {
    await withSession(place.inside, place.database, (session) => assertTablesOnly(session, place.database));
    const server = await serverEdition(place);
    return { server: textOf(server), tool: textOf(await findProgram('dump', server)), ...place.layout };
  },

  async assertInstalled(version) {
    await findProgram('dump', parseEdition(version));
  },

  dump: runDump,

  async assertCanRestore(place: Place, from: ArchivedDatabase, dump) {
    const [made, here] = [parseEdition(from.server), await serverEdition(place)];
    if (made.maker !== here.maker || !isAtLeast(here.version, minor(made.version))) {
      const reason = phrase('it was exported from {made}, and this server is {here}', {
        made: textOf(made),
        here: textOf(here),
      });
      throw new AppError('APP_ARCHIVE_UNFIT', { reason });
    }
    await findProgram('client', { maker: here.maker, version: parseEdition(from.tool).version });
    if (!dump) return;
    const check = new ScriptCheck();
    check.resume();
    await pipeline(dump(), check).catch((error: unknown) => {
      if (!(error instanceof ScriptRefusal)) throw error;
      throw new AppError('APP_ARCHIVE_INVALID', { reason: error.reason }, error);
    });
  },

  async restore(place, _from, input, run) {
    const { inside, database } = place;
    const here = await serverEdition(place);
    const { program, maker } = await findProgram('client', here);
    const connection = await connectionArguments(maker, inside, run.folder);
    const args = [...connection, ...RESTORE_ARGUMENTS, `--database=${database}`];
    const child = {
      program,
      args,
      env: environmentOf(inside, run.folder),
      input: Readable.from(withoutSandboxLine(input)),
    };
    try {
      await counted(inside, () => told(runProgram({ ...child, timeoutMs: run.timeoutMs, signal: run.signal })));
    } finally {
      // Where the program did not even start, nobody has taken it over.
      input.destroy();
    }
  },

  readFiles: readMysqlFiles,
  moveFiles: moveMysqlFiles,
  setTitle: setMysqlTitle,
};

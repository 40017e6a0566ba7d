import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { DatabaseRole, ServerAddress } from './dialect';
import { quoted, withSession, type MysqlSession } from './mysql-connection';

type Kind = 'VIEW' | 'TRIGGER' | 'PROCEDURE' | 'FUNCTION' | 'PACKAGE' | 'PACKAGE BODY' | 'EVENT';

interface Definition {
  kind: Kind;
  name: string;
  definer: string;
  /** What is defined together: triggers of the same moment run in the order of their definition. */
  family: string;
  rank: number;
}

/** All that runs with the rights of the user who defined it, in the order in which it is defined. */
const DEFINITIONS = `
  SELECT 'VIEW' AS kind, TABLE_NAME AS name, DEFINER AS definer, TABLE_NAME AS family, 0 AS \`rank\`
    FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?
  UNION ALL SELECT 'TRIGGER', TRIGGER_NAME, DEFINER,
         CONCAT(EVENT_OBJECT_TABLE, ' ', ACTION_TIMING, ' ', EVENT_MANIPULATION), ACTION_ORDER
    FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
  UNION ALL SELECT ROUTINE_TYPE, ROUTINE_NAME, DEFINER, ROUTINE_NAME, ROUTINE_TYPE = 'PACKAGE BODY'
    FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?
  UNION ALL SELECT 'EVENT', EVENT_NAME, DEFINER, EVENT_NAME, 0 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?
  ORDER BY kind, family, \`rank\``;

const DEFINER =
  /^(CREATE\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s+)?)DEFINER\s*=\s*(?:`(?:[^`]|``)*`@`(?:[^`]|``)*`|\S+)\s+/i;

/** The statement that a definition was made with, without its definer: it is then whoever runs it. */
export function withoutDefiner(statement: string): string {
  return statement.replace(DEFINER, '$1');
}

interface Statement extends Definition {
  text: string;
  /** Of the session in which it was defined; what it means is up to them. */
  settings: string[];
}

/** Not the character set of the client: the statement is sent in that of this connection. */
const SETTINGS = ['sql_mode', 'collation_connection', 'time_zone'] as const;

async function readStatement(session: MysqlSession, definition: Definition): Promise<Statement> {
  const { kind, name, definer } = definition;
  const [row = {}] = (await session.run(`SHOW CREATE ${kind} ${quoted(name)}`)) as Record<string, unknown>[];
  const text = Object.entries(row).find(([key]) =>
    /^(create (view|procedure|function|package( body)?|event)|sql original statement)$/i.test(key),
  )?.[1];
  // A server shows what a routine does only to its definer, and to administrators.
  if (typeof text !== 'string' || withoutDefiner(text) === text) {
    const reason = phrase(
      'the {kind} "{name}" belongs to the user {definer}, and the user of the main application cannot read it: drop it, and create it again as that user',
      { kind: kind.toLowerCase(), name, definer },
    );
    throw new AppError('APP_DATABASE_DENIED', { reason });
  }
  const settings = SETTINGS.flatMap((key) => {
    const value = row[key];
    return typeof value === 'string' && /^[\w,:+/-]*$/.test(value) ? [`SET SESSION ${key} = '${value}'`] : [];
  });
  return { ...definition, text, settings };
}

async function define(session: MysqlSession, { settings }: Statement, text: string): Promise<void> {
  for (const setting of settings) await session.run(setting);
  await session.run(text);
}

/** What it was is put back where the role may not define it: it reaches beyond the database. */
async function redefine(owner: MysqlSession, tenant: MysqlSession, statement: Statement): Promise<void> {
  const { kind, name } = statement;
  const text = withoutDefiner(statement.text);
  try {
    // MySQL replaces views only. In MariaDB a process that is killed leaves either the old definition or the new one.
    if (kind === 'VIEW' || (await replacesAll(owner))) {
      return await define(tenant, statement, text.replace(/^CREATE\s+(?:OR\s+REPLACE\s+)?/i, 'CREATE OR REPLACE '));
    }
    await tenant.run(`DROP ${kind} IF EXISTS ${quoted(name)}`);
    try {
      await define(tenant, statement, text);
    } catch (error) {
      await define(owner, statement, statement.text);
      throw error;
    }
  } catch (error) {
    const reason = phrase('the {kind} "{name}" needs rights outside the database of the application', {
      kind: kind.toLowerCase(),
      name: statement.name,
    });
    throw new AppError('APP_DATABASE_DENIED', { reason }, error);
  }
}

async function replacesAll(session: MysqlSession): Promise<boolean> {
  const row = await session.row<{ version: string }>('SELECT VERSION() AS version');
  return /mariadb/i.test(row?.version ?? '');
}

/**
 * Makes the role the definer of all views, triggers, routines and events of the database: as those of the main
 * application's user they would go on doing what that user may. Idempotent.
 * @throws APP_DATABASE_DENIED, which names one that the role may not define
 */
export async function transferDefinitions(server: ServerAddress, database: string, role: DatabaseRole): Promise<void> {
  const account = `${role.name}@${role.host ?? '%'}`;
  await withSession(server, database, async (owner) => {
    const all = await owner.rows<Definition>(DEFINITIONS, Array<string>(4).fill(database));
    const group = ({ kind, family }: Definition) => `${kind.replace(' BODY', '')} ${family}`;
    const foreign = new Set(all.filter(({ definer }) => definer !== account).map(group));
    if (!foreign.size) return;
    // All of them are read before the first one is changed: nothing changes where one of them is hidden.
    const statements: Statement[] = [];
    for (const definition of all.filter((one) => foreign.has(group(one)))) {
      statements.push(await readStatement(owner, definition));
    }
    const address = { ...server, lend: undefined, username: role.name, password: role.password };
    await withSession(address, database, async (tenant) => {
      for (const statement of statements) await redefine(owner, tenant, statement);
    });
  });
}

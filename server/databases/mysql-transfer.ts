import { AppError } from '../../src/errors';
import type { DatabaseRole, ServerAddress } from './dialect';
import { quoted, withSession, type MysqlSession } from './mysql-connection';

type Kind = 'VIEW' | 'TRIGGER' | 'PROCEDURE' | 'FUNCTION' | 'EVENT';

interface Definition {
  kind: Kind;
  name: string;
  definer: string;
}

/** All that runs with the rights of the user who defined it. */
const DEFINITIONS = `
  SELECT 'VIEW' AS kind, TABLE_NAME AS name, DEFINER AS definer FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?
  UNION ALL SELECT 'TRIGGER', TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
  UNION ALL SELECT ROUTINE_TYPE, ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = ? AND ROUTINE_TYPE IN ('PROCEDURE', 'FUNCTION')
  UNION ALL SELECT 'EVENT', EVENT_NAME, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?`;

const DEFINER =
  /^(CREATE\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s+)?)DEFINER\s*=\s*(?:`(?:[^`]|``)*`@`(?:[^`]|``)*`|\S+)\s+/i;

/** The statement that a definition was made with, without its definer: it is then whoever runs it. */
export function withoutDefiner(statement: string): string {
  return statement.replace(DEFINER, '$1');
}

interface Statement {
  text: string;
  /** Of the session in which it was defined; what it means is up to them. */
  settings: string[];
}

const SETTINGS = ['sql_mode', 'character_set_client', 'collation_connection'] as const;

async function readStatement(session: MysqlSession, { kind, name }: Definition): Promise<Statement> {
  const [row = {}] = (await session.run(`SHOW CREATE ${kind} ${quoted(name)}`)) as Record<string, unknown>[];
  const text = Object.entries(row).find(([key]) =>
    /^(create (view|procedure|function|event)|sql original statement)$/i.test(key),
  );
  if (typeof text?.[1] !== 'string')
    throw new AppError('APP_DATABASE_DENIED', { reason: `${kind} "${name}" cannot be read` });
  const settings = SETTINGS.flatMap((key) => {
    const value = row[key];
    return typeof value === 'string' && /^[\w,]*$/.test(value) ? [`SET SESSION ${key} = '${value}'`] : [];
  });
  return { text: text[1], settings };
}

async function define(session: MysqlSession, { settings }: Statement, text: string): Promise<void> {
  for (const setting of settings) await session.run(setting);
  await session.run(text);
}

/** What it was is put back where the role may not define it: it reaches beyond the database. */
async function redefine(owner: MysqlSession, tenant: MysqlSession, definition: Definition): Promise<void> {
  const { kind, name } = definition;
  const statement = await readStatement(owner, definition);
  const text = withoutDefiner(statement.text);
  if (text === statement.text)
    throw new AppError('APP_DATABASE_DENIED', { reason: `${kind} "${name}" cannot be read` });
  try {
    if (kind === 'VIEW') return await define(tenant, statement, text.replace(/^CREATE\s+/i, 'CREATE OR REPLACE '));
    await tenant.run(`DROP ${kind} IF EXISTS ${quoted(name)}`);
    try {
      await define(tenant, statement, text);
    } catch (error) {
      await define(owner, statement, statement.text);
      throw error;
    }
  } catch (error) {
    const reason = `the ${kind.toLowerCase()} "${name}" needs rights beyond the database of the application`;
    throw new AppError('APP_DATABASE_DENIED', { reason }, error);
  }
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
    const others = all.filter(({ definer }) => definer !== account);
    if (!others.length) return;
    const address = { ...server, lend: undefined, username: role.name, password: role.password };
    await withSession(address, database, async (tenant) => {
      for (const definition of others) await redefine(owner, tenant, definition);
    });
  });
}

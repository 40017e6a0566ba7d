import type { MysqlSession } from './mysql-connection';

/** What the connected user may do in a database, there or not: names of privileges, of dynamic ones too. */
export interface Grants {
  has(privilege: string): boolean;
}

/** A database gets a mark, and another collation, and goes again. */
export function mayMakeDatabases(may: Grants): boolean {
  return ['CREATE', 'ALTER', 'DROP'].every((privilege) => may.has(privilege));
}

const EVERYTHING = 'ALL PRIVILEGES';

/**
 * By what `SHOW GRANTS` says, as the tables of privileges leave roles out. MariaDB's lists those of the role in force,
 * MySQL's only when it is asked for them.
 */
export async function grants(session: MysqlSession, database: string, mariadb: boolean): Promise<Grants> {
  const lines = (await session.run('SHOW GRANTS')).map((row) => String(Object.values(row)[0]));
  if (!mariadb) {
    const { roles } = (await session.row<{ roles: string }>('SELECT CURRENT_ROLE() AS roles')) ?? {};
    // The server's own spelling of them: quoted with backticks, or NONE.
    if (roles && roles !== 'NONE') {
      const more = await session.run(`SHOW GRANTS FOR CURRENT_USER() USING ${roles}`);
      lines.push(...more.map((row) => String(Object.values(row)[0])));
    }
  }
  return grantsIn(lines, database);
}

export function grantsIn(lines: readonly string[], database: string): Grants {
  const granted = new Set<string>();
  for (const line of lines) {
    const [, privileges, scope] = /^GRANT (.+?) ON (\*|`(?:[^`]|``)+`)\.\* TO /.exec(line) ?? [];
    if (!privileges || !scope || (scope !== '*' && !covers(scope, database))) continue;
    for (const privilege of privileges.split(',')) granted.add(privilege.trim().toUpperCase());
  }
  return { has: (privilege) => granted.has(EVERYTHING) || granted.has(privilege) };
}

/** A database in a grant is a pattern: `_` and `%` stand for others, unless they are escaped. */
function covers(scope: string, database: string): boolean {
  const pattern = scope.slice(1, -1).replaceAll('``', '`');
  const source = [...pattern.matchAll(/\\[\s\S]|[\s\S]/g)].map(([part]) => {
    if (part === '%') return '.*';
    if (part === '_') return '.';
    return part.replace(/^\\(?=.)/s, '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source.join('')}$`, 'is').test(database);
}

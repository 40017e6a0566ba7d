import type Database from '@nocobase/database';

/**
 * NocoBase follows an association to the records of the same table by a recursive statement, without an end if the records
 * form a circle. A member can make one, and the server then fills its disk. Here each record comes once.
 */

/** The statement as NocoBase writes it: pairs of a key and the key of the next record. Names of columns may hold anything. */
const BEGIN = /^WITH RECURSIVE cte AS \(\s*SELECT ["`]/;
const JOIN = /INNER JOIN cte ON t\.["`]/;
const STEP = /UNION ALL(?=\s+SELECT t\.["`])/g;

type Query = (sql: unknown, ...rest: unknown[]) => unknown;

/** Returns the statement with an end; any other one as it is. */
export function withEnd(sql: unknown): unknown {
  if (typeof sql !== 'string' || !BEGIN.test(sql) || !JOIN.test(sql)) return sql;
  return sql.replace(STEP, 'UNION');
}

/** Lets the statements of an application end that follow records of one table. */
export function endRecursion(db: Database): void {
  const sequelize = db.sequelize as unknown as { query: Query };
  const query = sequelize.query.bind(sequelize);
  sequelize.query = (sql, ...rest) => query(withEnd(sql), ...rest);
}

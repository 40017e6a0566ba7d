import type Database from '@nocobase/database';

type Query = Database['sequelize']['query'];

/**
 * Keeps NocoBase from sending `CREATE SCHEMA IF NOT EXISTS` for the schema of this application, at each start and with
 * each table. PostgreSQL asks for the right to create schemas even if the schema exists, and an application's own role
 * must not create any in a database that others use.
 */
export function assumeSchema({ sequelize }: Database, schema: string): void {
  const statement = `CREATE SCHEMA IF NOT EXISTS "${schema}"`;
  const query = sequelize.query.bind(sequelize) as (...args: unknown[]) => Promise<unknown>;
  sequelize.query = ((...args: unknown[]) => {
    const [text] = args;
    if (typeof text === 'string' && text.startsWith(statement) && /^;?$/.test(text.slice(statement.length))) {
      return Promise.resolve([[], 0]);
    }
    return query(...args);
  }) as Query;
}

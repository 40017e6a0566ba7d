import type Database from '@nocobase/database';
import { QueryTypes } from 'sequelize';

/** Every NocoBase keeps its version in a table of this name, whatever stands before it. */
const STATEMENT = `
  SELECT DISTINCT n.nspname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relname ~ '(applicationVersion|application_version)$'
    AND n.nspname NOT IN ('public', 'information_schema') AND n.nspname !~ '^pg_'
  ORDER BY name`;

/**
 * The schemas of a main application's database that hold other applications, by name. Empty if the main application
 * has a schema of its own, and on servers without schemas.
 */
export async function foreignSchemas(db: Database): Promise<string[]> {
  const { schema } = db.options;
  if (!db.isPostgresCompatibleDialect() || (typeof schema === 'string' && schema !== '')) return [];
  const rows: { name: string }[] = await db.sequelize.query(STATEMENT, { type: QueryTypes.SELECT });
  return rows.map(({ name }) => name);
}

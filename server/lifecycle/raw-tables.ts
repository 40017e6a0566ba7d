import type { Database } from '@nocobase/database';
import { QueryTypes, type QueryInterface } from 'sequelize';

type Values = Record<string, unknown>;

/** A table by its own name; a collection is called by its name alone. */
export interface TableName {
  tableName: string;
  schema?: string;
}

interface QueryGenerator {
  quoteTable(table: TableName): string;
  quoteIdentifier(name: string): string;
}

const TABLES = `
  SELECT c.table_name AS name FROM information_schema.columns c
    JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
   WHERE c.table_schema = :schema AND t.table_type = 'BASE TABLE' AND c.column_name IN (:columns)
   GROUP BY c.table_name HAVING count(*) = :count ORDER BY 1`;

/** Tells the same, ten times faster. */
const TABLES_OF_POSTGRES = `
  SELECT c.relname AS name FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
   WHERE n.nspname = :schema AND c.relkind IN ('r', 'p') AND a.attname IN (:columns)
   GROUP BY c.relname HAVING count(*) = :count ORDER BY 1`;

/**
 * Tables of an instance in which nothing is loaded, by the names of NocoBase's collections and fields. Nothing of the
 * collections is in force: no hook, no default, no validation.
 */
export class RawTables {
  private readonly queries: QueryInterface;

  constructor(private readonly db: Database) {
    this.queries = db.sequelize.getQueryInterface();
  }

  /** Names in this instance's manner of writing them. */
  private cased(name: string): string {
    const { underscored } = this.db.options as { underscored?: boolean };
    return underscored ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
  }

  private table(collection: string | TableName): TableName {
    if (typeof collection !== 'string') return collection;
    const { schema, tablePrefix = '' } = this.db.options as { schema?: string; tablePrefix?: string };
    const tableName = `${tablePrefix}${this.cased(collection)}`;
    return schema ? { tableName, schema } : { tableName };
  }

  private get generator(): QueryGenerator {
    return this.queries.queryGenerator as QueryGenerator;
  }

  async has(collection: string): Promise<boolean> {
    return this.queries.tableExists(this.table(collection));
  }

  /** All rows, oldest first. */
  rows(collection: string | TableName, fields: readonly string[]): Promise<Values[]> {
    return this.select('SELECT', collection, fields);
  }

  /** What there is of these fields together, each once. */
  distinct(collection: string | TableName, fields: readonly string[]): Promise<Values[]> {
    return this.select('SELECT DISTINCT', collection, fields);
  }

  /** The tables that have all of these fields. */
  async having(fields: readonly string[]): Promise<TableName[]> {
    const { dialect, schema, database } = this.db.options as { dialect?: string; schema?: string; database?: string };
    const columns = fields.map((field) => this.cased(field));
    const postgres = dialect === 'postgres';
    const replacements = { schema: schema ?? (postgres ? 'public' : database), columns, count: columns.length };
    const sql = postgres ? TABLES_OF_POSTGRES : TABLES;
    const rows = await this.db.sequelize.query<{ name: string }>(sql, { type: QueryTypes.SELECT, replacements });
    return rows.map(({ name }) => (schema ? { tableName: name, schema } : { tableName: name }));
  }

  private async select(verb: string, collection: string | TableName, fields: readonly string[]): Promise<Values[]> {
    const { generator } = this;
    const columns = fields.map((field) => {
      return `${generator.quoteIdentifier(this.cased(field))} AS ${generator.quoteIdentifier(field)}`;
    });
    const sql = `${verb} ${columns.join(', ')} FROM ${generator.quoteTable(this.table(collection))} ORDER BY 1`;
    return this.db.sequelize.query<Values>(sql, { type: QueryTypes.SELECT });
  }

  async update(collection: string | TableName, values: Values, where: Values): Promise<void> {
    const cased = (fields: Values) =>
      Object.fromEntries(Object.entries(fields).map(([field, value]) => [this.cased(field), value]));
    await this.queries.bulkUpdate(this.table(collection), cased(values), cased(where), {});
  }

  async empty(collection: string): Promise<void> {
    if (await this.has(collection)) await this.queries.bulkDelete(this.table(collection), {}, {});
  }
}

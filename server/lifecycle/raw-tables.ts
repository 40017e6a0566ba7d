import type { Database } from '@nocobase/database';
import { QueryTypes, type QueryInterface } from 'sequelize';

type Values = Record<string, unknown>;

interface TableName {
  tableName: string;
  schema?: string;
}

interface QueryGenerator {
  quoteTable(table: TableName): string;
  quoteIdentifier(name: string): string;
}

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

  private table(collection: string): TableName {
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
  async rows(collection: string, fields: readonly string[]): Promise<Values[]> {
    const { generator } = this;
    const columns = fields.map((field) => {
      return `${generator.quoteIdentifier(this.cased(field))} AS ${generator.quoteIdentifier(field)}`;
    });
    const sql = `SELECT ${columns.join(', ')} FROM ${generator.quoteTable(this.table(collection))} ORDER BY 1`;
    return this.db.sequelize.query<Values>(sql, { type: QueryTypes.SELECT });
  }

  async update(collection: string, values: Values, where: Values): Promise<void> {
    const cased = (fields: Values) =>
      Object.fromEntries(Object.entries(fields).map(([field, value]) => [this.cased(field), value]));
    await this.queries.bulkUpdate(this.table(collection), cased(values), cased(where), {});
  }

  async empty(collection: string): Promise<void> {
    if (await this.has(collection)) await this.queries.bulkDelete(this.table(collection), {}, {});
  }
}

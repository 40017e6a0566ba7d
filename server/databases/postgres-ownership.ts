import type { OwnershipKeeper } from './dialect';
import { markerLiteral } from './mark';
import { withClient } from './postgres-connection';
import { coreTable, VERSION_COLLECTION } from './table-names';

const escapeIdentifier = (name: string) => `"${name.replaceAll('"', '""')}"`;

const DATABASE_COMMENT = `SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()`;
const SCHEMA_COMMENT = `SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :schema`;

/** PostgreSQL. A dump keeps the comment of a table, and loses that of the database. */
export const postgresOwnership: OwnershipKeeper = {
  read(layout, inSchema) {
    const sql = `SELECT (${inSchema ? SCHEMA_COMMENT : DATABASE_COMMENT}) AS outside,
      (SELECT obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = :schema AND c.relname = :table) AS inside,
      EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = :schema) AS present`;
    return { sql, replacements: { schema: layout.schema, table: coreTable(VERSION_COLLECTION, layout) } };
  },

  markInside(layout, token) {
    const table = [layout.schema, coreTable(VERSION_COLLECTION, layout)].map(escapeIdentifier).join('.');
    return `COMMENT ON TABLE ${table} IS ${markerLiteral(token)}`;
  },

  async writeInside(inside, layout, token) {
    await withClient(inside, inside.database, (client) => client.query(this.markInside(layout, token)));
  },

  async readInside(inside, layout) {
    const sql = `SELECT obj_description(c.oid, 'pg_class') AS mark FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`;
    const names = [layout.schema, coreTable(VERSION_COLLECTION, layout)];
    return withClient(inside, inside.database, async (client) => {
      return (await client.query<{ mark: string | null }>(sql, names)).rows[0]?.mark;
    });
  },

  async readOutside({ server, owner, database, schema }) {
    const [address, sql, name] =
      schema === undefined
        ? [server, `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1`, database]
        : [owner, `SELECT obj_description(oid, 'pg_namespace') AS mark FROM pg_namespace WHERE nspname = $1`, schema];
    return withClient(address, address.database, async (client) => {
      return (await client.query<{ mark: string | null }>(sql, [name])).rows[0]?.mark;
    });
  },

  async writeOutside({ server, owner, database, schema }, token) {
    const [address, object] =
      schema === undefined
        ? [server, `DATABASE ${escapeIdentifier(database)}`]
        : [owner, `SCHEMA ${escapeIdentifier(schema)}`];
    const sql = `COMMENT ON ${object} IS ${markerLiteral(token)}`;
    await withClient(address, address.database, (client) => client.query(sql));
  },
};

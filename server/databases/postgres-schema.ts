import type { Client } from 'pg';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { SchemaKeeper } from './dialect';
import { marker } from './mark';
import { withClient } from './postgres-connection';
import { inspectSchema } from './postgres-inspect';
import { admitToSchema } from './postgres-roles';
import { endSessionsInSchema } from './postgres-sessions';
import { inTransaction } from './postgres-transfer';

/** How long a table of the schema that somebody uses is waited for. */
const LOCK_TIMEOUT_MS = 10_000;

/** Undefined for a schema that does not exist, null for one without a comment. */
async function commentOf(client: Client, schema: string): Promise<string | null | undefined> {
  const found = await client.query<{ comment: string | null }>(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1`,
    [schema],
  );
  return found.rows[0]?.comment;
}

/** Tables and views of other schemas that would be cut by `CASCADE`. */
const DEPENDANTS = `
  SELECT 1 FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace s ON s.oid = t.relnamespace
   WHERE s.nspname = $1 AND k.connamespace <> s.oid
  UNION ALL
  SELECT 1 FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class v ON v.oid = r.ev_class
    JOIN pg_class t ON d.refclassid = 'pg_class'::regclass AND t.oid = d.refobjid
    JOIN pg_namespace s ON s.oid = t.relnamespace
   WHERE s.nspname = $1 AND v.relnamespace <> s.oid
   LIMIT 1`;

/** PostgreSQL: a schema and its mark are made in one transaction, so that no unmarked one is ever seen. */
export const postgresSchemas: SchemaKeeper = {
  inspect: inspectSchema,

  async create(server, schema, token, role) {
    return withClient(server, server.database, (client) =>
      inTransaction(client, async () => {
        const there = await commentOf(client, schema);
        if (there === marker(token)) return false;
        if (there !== undefined) throw new AppError('APP_DATABASE_EXISTS', { database: schema });
        const name = client.escapeIdentifier(schema);
        await client.query(`CREATE SCHEMA ${name}`);
        await client.query(`COMMENT ON SCHEMA ${name} IS ${client.escapeLiteral(marker(token))}`);
        if (role !== undefined) await admitToSchema(client, schema, role);
        return true;
      }),
    );
  },

  async isOwned(server, schema, token) {
    return withClient(server, server.database, async (client) => (await commentOf(client, schema)) === marker(token));
  },

  async drop(server, schema, token) {
    await withClient(server, server.database, async (client) => {
      if ((await commentOf(client, schema)) !== marker(token)) return;
      await endSessionsInSchema(client, schema);
      await inTransaction(client, async () => {
        await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
        // Looked at once more: what carries no mark may have come since it was asked for.
        if ((await commentOf(client, schema)) !== marker(token)) return;
        if ((await client.query(DEPENDANTS, [schema])).rowCount) {
          throw new AppError('APP_DATABASE_FAILED', {
            reason: phrase('objects outside the schema "{schema}" depend on it', { schema }),
          });
        }
        await client.query(`DROP SCHEMA ${client.escapeIdentifier(schema)} CASCADE`);
      });
    });
  },
};

import type { Client } from 'pg';
import type { StoredPlugin, StoredVersions } from '../../src/policies/upgrade-plan';
import type { ServerAddress, TableLayout } from './dialect';
import { codeOf, withClient } from './postgres-connection';
import { casedName, coreTable, VERSION_COLLECTION } from './table-names';

/** How long a table that somebody changes is waited for. */
const LOCK_TIMEOUT_MS = 5_000;
/** The first OID that PostgreSQL gives to what users create. */
const FIRST_USER_OID = 16_384;
/** undefined_table, invalid_schema_name, wrong_object_type: it went, or became another one, since it was looked for. */
const CHANGED = new Set(['42P01', '3F000', '42809']);

/** The core's own names of the two tables that hold versions, as they are called in this layout. */
function versionTables(layout: TableLayout) {
  return {
    core: coreTable(VERSION_COLLECTION, layout),
    plugins: coreTable('applicationPlugins', layout),
    packageName: casedName('packageName', layout),
  };
}

/**
 * Plain tables with columns of PostgreSQL's own types. Whatever else has such a name (a view, a type with a cast of its
 * own) could run a function as whoever reads it.
 */
const PLAIN_TABLES = `
  SELECT c.relname::text AS name, c.oid::text AS oid, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE n.nspname = $1 AND c.relname IN ($2, $3) AND c.relkind = 'r'
     AND a.atttypid < ${FIRST_USER_OID} AND a.attgenerated = ''
   GROUP BY 1, 2 ORDER BY 1`;

interface PlainTable {
  name: string;
  oid: string;
  columns: string[];
}

/**
 * See `DatabaseDialect.readVersions`. Runs nothing that is written in the database: the tables are locked, so that they are
 * still what they were found to be, and a policy of their rows is an error instead of a function.
 */
export function readPostgresVersions(server: ServerAddress, layout: TableLayout): Promise<StoredVersions | undefined> {
  return withClient(server, server.database, async (client) => {
    await client.query(`BEGIN READ ONLY; SET LOCAL row_security = off; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    const names = versionTables(layout);
    const found = await plainTables(client, layout);
    const locked = found.map(({ name }) => `ONLY ${qualified(client, layout, name)}`).join(', ');
    if (!found.some(({ name, columns }) => name === names.core && columns.includes('value'))) return undefined;
    try {
      await client.query(`LOCK TABLE ${locked} IN ACCESS SHARE MODE`);
    } catch (error) {
      if (CHANGED.has(codeOf(error))) return undefined;
      throw error;
    }
    const held = await plainTables(client, layout);
    if (JSON.stringify(held) !== JSON.stringify(found)) return undefined;
    return await read(client, layout, held);
  });
}

async function plainTables(client: Client, layout: TableLayout): Promise<PlainTable[]> {
  const { core, plugins } = versionTables(layout);
  return (await client.query<PlainTable>(PLAIN_TABLES, [layout.schema, core, plugins])).rows;
}

async function read(client: Client, layout: TableLayout, tables: readonly PlainTable[]): Promise<StoredVersions> {
  const names = versionTables(layout);
  const packageName = client.escapeIdentifier(names.packageName);
  const needed = [names.packageName, 'version', 'enabled'];
  // Those of a very old NocoBase have other columns.
  const plugins = tables.find(
    ({ name, columns }) => name === names.plugins && needed.every((column) => columns.includes(column)),
  );
  const own = `SELECT NULL::text AS package, value::text AS version FROM ONLY ${qualified(client, layout, names.core)}`;
  const all = `${own} UNION ALL SELECT ${packageName}, version FROM ONLY ${qualified(client, layout, names.plugins)}
     WHERE enabled AND ${packageName} IS NOT NULL`;
  const { rows } = await client.query<{ package: string | null; version: string | null }>(plugins ? all : own);
  return {
    core: rows.find((row) => row.package === null)?.version ?? null,
    plugins: rows.flatMap(({ package: name, version }): StoredPlugin[] =>
      name === null ? [] : [{ packageName: name, version }],
    ),
  };
}

function qualified(client: Client, { schema }: TableLayout, table: string): string {
  return `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(table)}`;
}

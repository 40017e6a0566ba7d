import type { Client } from 'pg';
import type { ArchivedFile } from '../../src/archive-manifest';
import type { Place } from './place';
import { hasTable, setTablePath, withClient } from './postgres-connection';
import {
  COMMON_ROOT,
  COMMON_URL,
  LOCAL_STORAGE,
  plainFile,
  type ApplicationFiles,
  type LocalStorage,
} from './stored-files';

interface FileTable {
  name: string;
  storageColumn: string;
}

type Tables = Pick<Place, 'inside' | 'layout'>;

/**
 * The tables that hold files: `attachments`, and those of every collection that was made by NocoBase's template for
 * files. They are told by their columns, since the template is not written into the database.
 */
async function fileTables(client: Client, { layout }: Tables): Promise<FileTable[]> {
  const storageColumn = layout.underscored ? 'storage_id' : 'storageId';
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `SELECT c.table_name AS name, array_agg(c.column_name::text) AS columns
       FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
      WHERE c.table_schema = $1 AND t.table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1`,
    [layout.schema],
  );
  return rows
    .filter(({ columns }) => ['filename', 'path', storageColumn].every((column) => columns.includes(column)))
    .map(({ name }) => ({ name, storageColumn }));
}

function qualified(client: Client, { layout }: Tables, table: string): string {
  return `${client.escapeIdentifier(layout.schema)}.${client.escapeIdentifier(table)}`;
}

async function localStorages(client: Client, place: Tables): Promise<LocalStorage[]> {
  const { schema, tablePrefix } = place.layout;
  const table = `${tablePrefix}storages`;
  if (!(await hasTable(client, schema, table))) return [];
  const { rows } = await client.query<{ id: string; root: string | null }>(
    `SELECT id::text, options::jsonb ->> 'documentRoot' AS root FROM ${qualified(client, place, table)} WHERE type = $1`,
    [LOCAL_STORAGE],
  );
  return rows.map(({ id, root }) => (root ? { id, documentRoot: root } : { id }));
}

export async function readPostgresFiles(place: Tables): Promise<ApplicationFiles> {
  const { inside } = place;
  return withClient(inside, inside.database, async (client) => {
    const storages = await localStorages(client, place);
    const ids = storages.map(({ id }) => id);
    const files = new Map<string, ArchivedFile>();
    if (ids.length) {
      for (const { name, storageColumn } of await fileTables(client, place)) {
        const storage = client.escapeIdentifier(storageColumn);
        const { rows } = await client.query<{ storage: string; path: string | null; filename: string }>(
          `SELECT DISTINCT ${storage}::text AS storage, path, filename FROM ${qualified(client, place, name)}
            WHERE ${storage}::text = ANY($1) AND filename <> ''`,
          [ids],
        );
        for (const row of rows) {
          const file = plainFile(row.storage, row.path, row.filename);
          files.set(JSON.stringify(file), file);
        }
      }
    }
    return { storages, files: [...files.values()] };
  });
}

/** Of a storage's folder, or a file's: NocoBase takes slashes around it for nothing. */
const PLAIN = `btrim(coalesce(path, ''), '/')`;

export async function movePostgresFiles(
  place: Place,
  moved: (storageId: string, folder: string) => string,
): Promise<void> {
  const { inside } = place;
  await withClient(inside, inside.database, async (client) => {
    const ids = (await localStorages(client, place)).map(({ id }) => id);
    if (!ids.length) return;
    await setTablePath(client, place.layout.schema);
    await client.query('BEGIN');
    for (const { name, storageColumn } of await fileTables(client, place)) {
      const table = qualified(client, place, name);
      const storage = `${client.escapeIdentifier(storageColumn)}::text`;
      const { rows } = await client.query<{ id: string; folder: string }>(
        `SELECT DISTINCT ${storage} AS id, ${PLAIN} AS folder FROM ${table} WHERE ${storage} = ANY($1)`,
        [ids],
      );
      for (const { id, folder } of rows) {
        const sql = `UPDATE ${table} SET path = $1 WHERE ${storage} = $2 AND ${PLAIN} = $3`;
        await client.query(sql, [moved(id, folder), id, folder]);
      }
    }
    await moveStorages(client, place, moved);
    await client.query('COMMIT');
  });
}

/** A folder of the other machine means nothing here, and might be anybody's. */
async function moveStorages(client: Client, place: Place, moved: (id: string, folder: string) => string) {
  const table = qualified(client, place, `${place.layout.tablePrefix}storages`);
  const baseUrl = client.escapeIdentifier(place.layout.underscored ? 'base_url' : 'baseUrl');
  const { rows } = await client.query<{ id: string; folder: string }>(
    `SELECT id::text, ${PLAIN} AS folder FROM ${table} WHERE type = $1`,
    [LOCAL_STORAGE],
  );
  for (const { id, folder } of rows) {
    await client.query(
      `UPDATE ${table} SET path = $1, ${baseUrl} = $2,
              options = (coalesce(options::jsonb, '{}') || jsonb_build_object('documentRoot', $3::text))::json
        WHERE id::text = $4`,
      [moved(id, folder), COMMON_URL, COMMON_ROOT, id],
    );
  }
}

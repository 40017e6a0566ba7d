import type { Client } from 'pg';
import type { ArchivedFile } from '../../src/archive-manifest';
import { LOCAL_STORAGE, plainFile, type LocalStorage, type RenamedFile } from './dump-tools';
import type { Place } from './place';
import { withClient } from './postgres-connection';

interface FileTable {
  name: string;
  storageColumn: string;
  hasUrl: boolean;
}

/**
 * The tables that hold files: `attachments`, and those of every collection that was made by NocoBase's template for
 * files. They are told by their columns, since the template is not written into the database.
 */
async function fileTables(client: Client, { layout }: Place): Promise<FileTable[]> {
  const storageColumn = layout.underscored ? 'storage_id' : 'storageId';
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `SELECT c.table_name AS name, array_agg(c.column_name::text) AS columns
       FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
      WHERE c.table_schema = $1 AND t.table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1`,
    [layout.schema],
  );
  return rows
    .filter(({ columns }) => ['filename', 'path', storageColumn].every((column) => columns.includes(column)))
    .map(({ name, columns }) => ({ name, storageColumn, hasUrl: columns.includes('url') }));
}

function qualified(client: Client, { layout }: Place, table: string): string {
  return `${client.escapeIdentifier(layout.schema)}.${client.escapeIdentifier(table)}`;
}

async function localStorages(client: Client, place: Place): Promise<LocalStorage[]> {
  const { schema, tablePrefix } = place.layout;
  const table = `${tablePrefix}storages`;
  const there = await client.query('SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [schema, table]);
  if (!there.rowCount) return [];
  const { rows } = await client.query<{ id: string; root: string | null }>(
    `SELECT id::text, options::jsonb ->> 'documentRoot' AS root FROM ${qualified(client, place, table)} WHERE type = $1`,
    [LOCAL_STORAGE],
  );
  return rows.map(({ id, root }) => (root ? { id, documentRoot: root } : { id }));
}

export async function readPostgresFiles(place: Place): Promise<{ storages: LocalStorage[]; files: ArchivedFile[] }> {
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

export async function movePostgresFiles(place: Place, renamed: readonly RenamedFile[]): Promise<void> {
  const { inside } = place;
  await withClient(inside, inside.database, async (client) => {
    const storages = await localStorages(client, place);
    if (!storages.length) return;
    await client.query('BEGIN');
    const table = qualified(client, place, `${place.layout.tablePrefix}storages`);
    // A folder of the other machine means nothing here, and might be anybody's.
    await client.query(
      `UPDATE ${table} SET options = (options::jsonb - 'documentRoot')::json WHERE type = $1 AND options IS NOT NULL`,
      [LOCAL_STORAGE],
    );
    for (const { name, storageColumn, hasUrl } of renamed.length ? await fileTables(client, place) : []) {
      const storage = client.escapeIdentifier(storageColumn);
      const url = hasUrl ? ', url = replace(url, $2::text, $1::text)' : '';
      for (const { storageId, path, filename, newFilename } of renamed) {
        await client.query(
          `UPDATE ${qualified(client, place, name)} SET filename = $1::text${url}
            WHERE filename = $2::text AND ${storage}::text = $3 AND btrim(coalesce(path, ''), '/') = $4`,
          [newFilename, filename, storageId, path],
        );
      }
    }
    await client.query('COMMIT');
  });
}

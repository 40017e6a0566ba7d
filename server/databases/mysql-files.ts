import type { ArchivedFile } from '../../src/archive-manifest';
import { hasTable, quoted, withSession, type MysqlSession } from './mysql-connection';
import type { Place } from './place';
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

/** See the same of PostgreSQL: tables that hold files are told by their columns. */
async function fileTables(session: MysqlSession, { database, layout }: Place): Promise<FileTable[]> {
  const storageColumn = layout.underscored ? 'storage_id' : 'storageId';
  const rows = await session.rows<{ name: string; field: string }>(
    `SELECT c.TABLE_NAME AS name, c.COLUMN_NAME AS field
       FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
      WHERE c.TABLE_SCHEMA = ? AND t.TABLE_TYPE = 'BASE TABLE' ORDER BY 1`,
    [database],
  );
  const tables = new Map<string, Set<string>>();
  for (const { name, field } of rows) tables.set(name, (tables.get(name) ?? new Set()).add(field));
  return [...tables]
    .filter(([, columns]) => ['filename', 'path', storageColumn].every((column) => columns.has(column)))
    .map(([name]) => ({ name, storageColumn }));
}

async function localStorages(session: MysqlSession, { database, layout }: Place): Promise<LocalStorage[]> {
  const table = `${layout.tablePrefix}storages`;
  if (!(await hasTable(session, database, table))) return [];
  const rows = await session.rows<{ id: string; root: string | null }>(
    `SELECT CAST(id AS CHAR) AS id, JSON_UNQUOTE(JSON_EXTRACT(options, '$.documentRoot')) AS root
       FROM ${quoted(table)} WHERE type = ?`,
    [LOCAL_STORAGE],
  );
  // A JSON null is a word by now.
  return rows.map(({ id, root }) => (root && root !== 'null' ? { id, documentRoot: root } : { id }));
}

export async function readMysqlFiles(place: Place): Promise<ApplicationFiles> {
  return withSession(place.inside, place.database, async (session) => {
    const storages = await localStorages(session, place);
    const ids = storages.map(({ id }) => id);
    const files = new Map<string, ArchivedFile>();
    for (const { name, storageColumn } of ids.length ? await fileTables(session, place) : []) {
      const storage = `CAST(${quoted(storageColumn)} AS CHAR)`;
      // Not `DISTINCT`: names that differ in case only would be one.
      const rows = await session.rows<{ storage: string; path: string | null; filename: string }>(
        `SELECT ${storage} AS storage, path, filename FROM ${quoted(name)}
          WHERE ${storage} IN (${ids.map(() => '?').join(', ')}) AND filename <> ''`,
        ids,
      );
      for (const row of rows) {
        const file = plainFile(row.storage, row.path, row.filename);
        files.set(JSON.stringify(file), file);
      }
    }
    return { storages, files: [...files.values()] };
  });
}

/** Of a storage's folder, or a file's: NocoBase takes slashes around it for nothing; told apart to the byte. */
const PLAIN = `CAST(TRIM(BOTH '/' FROM COALESCE(path, '')) AS BINARY)`;
const FOLDER = `TRIM(BOTH '/' FROM COALESCE(path, ''))`;

export async function moveMysqlFiles(
  place: Place,
  moved: (storageId: string, folder: string) => string,
): Promise<void> {
  await withSession(place.inside, place.database, async (session) => {
    const ids = (await localStorages(session, place)).map(({ id }) => id);
    if (!ids.length) return;
    await session.run('START TRANSACTION');
    for (const { name, storageColumn } of await fileTables(session, place)) {
      const storage = `CAST(${quoted(storageColumn)} AS CHAR)`;
      const rows = await session.rows<{ id: string; folder: string }>(
        `SELECT MIN(${storage}) AS id, MIN(${FOLDER}) AS folder FROM ${quoted(name)}
          WHERE ${storage} IN (${ids.map(() => '?').join(', ')}) GROUP BY ${quoted(storageColumn)}, ${PLAIN}`,
        ids,
      );
      for (const { id, folder } of rows) {
        const sql = `UPDATE ${quoted(name)} SET path = ? WHERE ${storage} = ? AND ${PLAIN} = CAST(? AS BINARY)`;
        await session.rows(sql, [moved(id, folder), id, folder]);
      }
    }
    await moveStorages(session, place, moved);
    await session.run('COMMIT');
  });
}

/** A folder of the other machine means nothing here, and might be anybody's. */
async function moveStorages(session: MysqlSession, { layout }: Place, moved: (id: string, folder: string) => string) {
  const table = quoted(`${layout.tablePrefix}storages`);
  const baseUrl = quoted(layout.underscored ? 'base_url' : 'baseUrl');
  const rows = await session.rows<{ id: string; folder: string }>(
    `SELECT CAST(id AS CHAR) AS id, ${FOLDER} AS folder FROM ${table} WHERE type = ?`,
    [LOCAL_STORAGE],
  );
  for (const { id, folder } of rows) {
    await session.rows(
      `UPDATE ${table} SET path = ?, ${baseUrl} = ?,
              options = JSON_SET(COALESCE(options, '{}'), '$.documentRoot', ?) WHERE CAST(id AS CHAR) = ?`,
      [moved(id, folder), COMMON_URL, COMMON_ROOT, id],
    );
  }
}

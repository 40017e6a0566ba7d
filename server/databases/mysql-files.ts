import type { ArchivedFile } from '../../src/archive-manifest';
import { LOCAL_STORAGE, plainFile, type LocalStorage, type RenamedFile } from './dump-tools';
import { quoted, withSession, type MysqlSession } from './mysql-connection';
import type { Place } from './place';

interface FileTable {
  name: string;
  storageColumn: string;
  hasUrl: boolean;
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
    .map(([name, columns]) => ({ name, storageColumn, hasUrl: columns.has('url') }));
}

async function localStorages(session: MysqlSession, { database, layout }: Place): Promise<LocalStorage[]> {
  const table = `${layout.tablePrefix}storages`;
  const there = await session.row(
    'SELECT 1 AS there FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
    [database, table],
  );
  if (!there) return [];
  const rows = await session.rows<{ id: string; root: string | null }>(
    `SELECT CAST(id AS CHAR) AS id, JSON_UNQUOTE(JSON_EXTRACT(options, '$.documentRoot')) AS root
       FROM ${quoted(table)} WHERE type = ?`,
    [LOCAL_STORAGE],
  );
  // A JSON null is a word by now.
  return rows.map(({ id, root }) => (root && root !== 'null' ? { id, documentRoot: root } : { id }));
}

export async function readMysqlFiles(place: Place): Promise<{ storages: LocalStorage[]; files: ArchivedFile[] }> {
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

export async function moveMysqlFiles(place: Place, renamed: readonly RenamedFile[]): Promise<void> {
  await withSession(place.inside, place.database, async (session) => {
    if (!(await localStorages(session, place)).length) return;
    await session.run('START TRANSACTION');
    // A folder of the other machine means nothing here, and might be anybody's.
    await session.rows(
      `UPDATE ${quoted(`${place.layout.tablePrefix}storages`)} SET options = JSON_REMOVE(options, '$.documentRoot')
        WHERE type = ? AND options IS NOT NULL`,
      [LOCAL_STORAGE],
    );
    for (const { name, storageColumn, hasUrl } of renamed.length ? await fileTables(session, place) : []) {
      const url = hasUrl ? ', url = REPLACE(url, ?, ?)' : '';
      for (const { storageId, path, filename, newFilename } of renamed) {
        await session.rows(
          `UPDATE ${quoted(name)} SET filename = ?${url}
            WHERE CAST(filename AS BINARY) = CAST(? AS BINARY) AND CAST(${quoted(storageColumn)} AS CHAR) = ?
              AND CAST(TRIM(BOTH '/' FROM COALESCE(path, '')) AS BINARY) = CAST(? AS BINARY)`,
          [newFilename, ...(hasUrl ? [filename, newFilename] : []), filename, storageId, path],
        );
      }
    }
    await session.run('COMMIT');
  });
}

import { randomBytes } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import type { Application } from '@nocobase/server';
import { checkLanguage } from '../../src/language';
import { RawTables } from './raw-tables';

/** What an installation writes, and two applications must not have in common although one is copied from the other. */

/**
 * The rows of a copied installation say that they were written now, as they would after an installation. PostgreSQL
 * only, as copies are.
 */
export async function renewTimes({ db }: Application): Promise<void> {
  // Whatever schema the application lives in; PostgreSQL's own have no such columns.
  await db.sequelize.query(`
    DO $$
    DECLARE written record;
    BEGIN
      FOR written IN
        SELECT table_schema, table_name, string_agg(format('%I = now()', column_name), ', ') AS columns
          FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
         WHERE column_name IN ('createdAt', 'updatedAt', 'created_at', 'updated_at')
           AND data_type LIKE 'timestamp%' AND table_type = 'BASE TABLE'
           AND table_schema NOT IN ('pg_catalog', 'information_schema')
         GROUP BY table_schema, table_name
      LOOP
        EXECUTE format('UPDATE %I.%I SET %s', written.table_schema, written.table_name, written.columns);
      END LOOP;
    END $$`);
}

/** Empty means the language of the installation. */
export async function setLanguage({ db }: Application, value: unknown): Promise<void> {
  const appLang = checkLanguage(value);
  const tables = new RawTables(db);
  if (!appLang || !(await tables.has('systemSettings'))) return;
  for (const { id } of await tables.rows('systemSettings', ['id'])) {
    const values = { appLang, enabledLanguages: JSON.stringify([appLang]), updatedAt: new Date() };
    await tables.update('systemSettings', values, { id });
  }
}

/**
 * The files that the installation laid into the local storage (the logo) are given to this application alone: whoever
 * deletes one deletes it from the disk. The original stays with the template.
 */
export async function separateFiles({ db, log }: Application): Promise<void> {
  const tables = new RawTables(db);
  if (!(await tables.has('attachments')) || !(await tables.has('storages'))) return;
  const storages = await tables.rows('storages', ['id', 'type', 'options']);
  const roots = new Map(
    storages.filter(({ type }) => type === 'local').map((row) => [row.id, documentRoot(row.options)]),
  );
  for (const file of await tables.rows('attachments', ['id', 'filename', 'path', 'storageId'])) {
    const root = roots.get(file.storageId);
    if (root === undefined || typeof file.filename !== 'string') continue;
    const folder = path.join(root, typeof file.path === 'string' ? file.path : '');
    const { name, ext } = path.parse(file.filename);
    const filename = `${name.replace(/-[a-z0-9]{6}$/, '')}-${randomBytes(3).toString('hex')}${ext}`;
    try {
      await copyFile(path.join(folder, file.filename), path.join(folder, filename));
    } catch (error) {
      log.warn(`the file ${file.filename} of the installation cannot be copied`, { error: String(error) });
      continue;
    }
    await tables.update('attachments', { filename }, { id: file.id });
  }
}

/** As NocoBase's file manager finds it: `storage/…` is below the storage folder, wherever that is. */
function documentRoot(options: unknown): string {
  const given = typeof options === 'string' ? (JSON.parse(options) as unknown) : options;
  const root = (given as { documentRoot?: unknown } | null)?.documentRoot ?? process.env.LOCAL_STORAGE_DEST;
  if (typeof root !== 'string' || root === '') return storagePathJoin('uploads');
  const below = /^(?:\.\/)?storage(?:\/|$)(.*)$/.exec(root)?.[1];
  return below === undefined ? path.resolve(process.cwd(), root) : storagePathJoin(below);
}

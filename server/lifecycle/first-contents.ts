import type { Application } from '@nocobase/server';
import { checkLanguage } from '../../src/language';
import { systemTitle } from '../../src/system-title';
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

/**
 * Writes the title and the language of an application into its system settings. Its sign-in page and the tab of the
 * browser show the title.
 * @param settings without a title or a language, the present one stays
 */
export async function setSystemSettings(
  { db }: Application,
  { title, language }: { title?: string; language?: unknown },
): Promise<void> {
  const appLang = checkLanguage(language);
  const values = {
    ...(title === undefined ? {} : { title: systemTitle(title) }),
    ...(appLang ? { appLang, enabledLanguages: JSON.stringify([appLang]) } : {}),
  };
  const tables = new RawTables(db);
  if (Object.keys(values).length === 0 || !(await tables.has('systemSettings'))) return;
  for (const { id } of await tables.rows('systemSettings', ['id'])) {
    await tables.update('systemSettings', { ...values, updatedAt: new Date() }, { id });
  }
}

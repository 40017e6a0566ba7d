import { hasTable, quoted, withSession } from './mysql-connection';
import type { Place } from './place';
import { coreTable, SETTINGS_COLLECTION } from './table-names';

/** See `DumpTools.setTitle`. */
export async function setMysqlTitle({ inside, database, layout }: Place, title: string): Promise<void> {
  const table = coreTable(SETTINGS_COLLECTION, layout);
  await withSession(inside, database, async (session) => {
    if (await hasTable(session, database, table)) await session.rows(`UPDATE ${quoted(table)} SET title = ?`, [title]);
  });
}

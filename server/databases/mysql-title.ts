import { quoted, withSession } from './mysql-connection';
import type { Place } from './place';
import { coreTable, SETTINGS_COLLECTION } from './table-names';

/** See `DumpTools.setTitle`. */
export async function setMysqlTitle({ inside, database, layout }: Place, title: string): Promise<void> {
  const table = coreTable(SETTINGS_COLLECTION, layout);
  await withSession(inside, database, async (session) => {
    const there = await session.row(
      'SELECT 1 AS there FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
      [database, table],
    );
    if (there) await session.rows(`UPDATE ${quoted(table)} SET title = ?`, [title]);
  });
}

import type { Place } from './place';
import { setTablePath, withClient } from './postgres-connection';
import { coreTable, SETTINGS_COLLECTION } from './table-names';

/** See `DumpTools.setTitle`. */
export async function setPostgresTitle({ inside, layout }: Place, title: string): Promise<void> {
  const table = coreTable(SETTINGS_COLLECTION, layout);
  await withClient(inside, inside.database, async (client) => {
    const there = await client.query('SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [
      layout.schema,
      table,
    ]);
    if (!there.rowCount) return;
    const qualified = `${client.escapeIdentifier(layout.schema)}.${client.escapeIdentifier(table)}`;
    await setTablePath(client, layout.schema);
    await client.query(`UPDATE ${qualified} SET title = $1`, [title]);
  });
}

import type { Place } from './place';
import { hasTable, setTablePath, withClient } from './postgres-connection';
import { coreTable, SETTINGS_COLLECTION } from './table-names';

/** See `DumpTools.setTitle`. */
export async function setPostgresTitle({ inside, layout }: Place, title: string): Promise<void> {
  const table = coreTable(SETTINGS_COLLECTION, layout);
  await withClient(inside, inside.database, async (client) => {
    if (!(await hasTable(client, layout.schema, table))) return;
    const qualified = `${client.escapeIdentifier(layout.schema)}.${client.escapeIdentifier(table)}`;
    await setTablePath(client, layout.schema);
    await client.query(`UPDATE ${qualified} SET title = $1`, [title]);
  });
}

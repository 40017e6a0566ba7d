import type { MarkedPlace, OwnershipKeeper } from './dialect';
import { markerLiteral } from './mark';
import { quoted, withSession, type MysqlSession } from './mysql-connection';
import { findDatabase, MAINTENANCE, MARK_TABLE } from './mysql-inspect';
import { coreTable, VERSION_COLLECTION } from './table-names';

const commentOf = (table: string) =>
  `(SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :${table})`;

/** Runs the work with the database as the server spells it; undefined where there is none. */
async function inDatabase<T>(
  { server, database }: MarkedPlace,
  work: (session: MysqlSession, name: string) => Promise<T>,
): Promise<T | undefined> {
  return withSession(server, MAINTENANCE, async (session) => {
    const there = await findDatabase(session, database);
    return there && work(session, there.name);
  });
}

/** MySQL and MariaDB: both markers are comments of tables, and a dump keeps both. */
export const mysqlOwnership: OwnershipKeeper = {
  read(layout) {
    const sql = `SELECT ${commentOf('mark')} AS outside, ${commentOf('table')} AS inside, 1 AS present`;
    return { sql, replacements: { mark: MARK_TABLE, table: coreTable(VERSION_COLLECTION, layout) } };
  },

  markInside(layout, token) {
    return `ALTER TABLE ${quoted(coreTable(VERSION_COLLECTION, layout))} COMMENT = ${markerLiteral(token)}`;
  },

  async writeInside(inside, layout, token) {
    await withSession(inside, inside.database, (session) => session.run(this.markInside(layout, token)));
  },

  async readInside(inside, layout) {
    const sql = `SELECT TABLE_COMMENT AS mark FROM information_schema.TABLES
                  WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`;
    return withSession(inside, inside.database, async (session) => {
      return (await session.row<{ mark: string }>(sql, [coreTable(VERSION_COLLECTION, layout)]))?.mark;
    });
  },

  async readOutside(place) {
    return inDatabase(place, async (session, name) => {
      const sql = `SELECT TABLE_COMMENT AS mark FROM information_schema.TABLES
                    WHERE TABLE_SCHEMA = ? AND LOWER(TABLE_NAME) = ?`;
      return (await session.row<{ mark: string }>(sql, [name, MARK_TABLE]))?.mark ?? null;
    });
  },

  async writeOutside(place, token) {
    await inDatabase(place, async (session, name) => {
      const table = `${quoted(name)}.${quoted(MARK_TABLE)}`;
      await session.run(`CREATE TABLE IF NOT EXISTS ${table} (id INT PRIMARY KEY)`);
      await session.run(`ALTER TABLE ${table} COMMENT = ${markerLiteral(token)}`);
    });
  },
};

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type Database from '@nocobase/database';
import { endRecursion, namesOf, withEnd, withoutCircles } from '../../../server/nocobase/recursive-queries';

const FOLLOWING = `WITH RECURSIVE cte AS (
      SELECT "id", "bossId"
      FROM "public"."people"
      WHERE "id" IN ($1, $2)
      UNION ALL
      SELECT t."id", t."bossId"
      FROM "public"."people" AS t
      INNER JOIN cte ON t."id" = cte."bossId"
      )
      SELECT "id" AS "id", "bossId" AS "bossId" FROM cte`;

describe('a statement that follows records of one table', () => {
  it('has an end', () => {
    expect(withEnd(FOLLOWING)).toBe(FOLLOWING.replace('UNION ALL', 'UNION'));
    expect(withEnd(FOLLOWING.replaceAll('"', '`'))).toContain('UNION\n');
  });

  it.each(['boss(id)', 'a) UNION ALL SELECT (b', 'UNION ALL', "t.'x'"])('has an end for a column %j', (column) => {
    const sql = FOLLOWING.replaceAll('bossId', column);
    const step = /UNION(?: ALL)?\s+SELECT t\.[^]*$/.exec(String(withEnd(sql)))?.[0] ?? '';
    expect(step).toMatch(/^UNION\s+SELECT t\./);
  });

  it.each([
    'SELECT 1 UNION ALL SELECT 2',
    'WITH RECURSIVE cte AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM cte WHERE n < 5) SELECT * FROM cte',
    { query: FOLLOWING },
    undefined,
  ])('is the only one that is changed: %j', (sql) => {
    expect(withEnd(sql)).toBe(sql);
  });

  it.each(['bossId', 'boss id', 'a" AS "b', '7', 'a` FROM cte'])('names its columns: %j', (column) => {
    for (const mark of ['"', '`']) {
      const name = `${mark}${column.replaceAll(mark, mark + mark)}${mark}`;
      const sql = FOLLOWING.replaceAll('"', mark).replaceAll(`${mark}bossId${mark}`, () => name);
      expect(namesOf(sql)).toEqual(['id', column]);
    }
  });

  it('is written as in the installed NocoBase', () => {
    const source = 'host/node_modules/@nocobase/database/lib/eager-loading/eager-loading-tree.js';
    const text = readFileSync(path.resolve(source), 'utf8');
    const [, template = ''] = /sql: `(WITH RECURSIVE[^`]+)`/.exec(text) ?? [];
    const sql = template.replace(/\$\{placeholders\}/, '$1').replace(/\$\{[^}]+\}/g, '"x"');
    expect(withEnd(sql)).not.toBe(sql);
  });

  it('of an application is changed, with its other arguments', async () => {
    const query = jest.fn().mockResolvedValue([
      { id: 1, bossId: 1 },
      { id: 2, bossId: 1 },
    ]);
    const db = { sequelize: { query } } as unknown as Database;
    endRecursion(db);
    expect(await db.sequelize.query(FOLLOWING, { bind: [1] } as never)).toEqual([{ id: 2, bossId: 1 }]);
    expect(query.mock.calls).toEqual([[withEnd(FOLLOWING), { bind: [1] }]]);
    expect(await db.sequelize.query('SELECT 1')).toHaveLength(2);
  });
});

describe('records that follow one another', () => {
  const NAMES: [string, string] = ['id', 'next'];
  const pairs = (next: Record<string, number | null>) =>
    Object.entries(next).map(([id, following]) => ({ id: Number(id), next: following }));
  const left = (next: Record<string, number | null>, starts: unknown[] = [1]) =>
    withoutCircles(pairs(next), NAMES, starts).map(({ id }) => id);
  const chain = (length: number) =>
    Object.fromEntries(Array.from({ length }, (_, index) => [index + 1, index + 1 === length ? null : index + 2]));

  it.each([
    [{ 1: 2, 2: 3, 3: null }, [1, 2, 3]],
    [{ 1: 1 }, []],
    [{ 1: 2, 2: 1 }, []],
    [{ 1: 2, 2: 3, 3: 4, 4: 3 }, [1, 2]],
    [{ 1: 3, 2: 3, 3: 4, 4: 5, 5: 4, 6: 7, 7: null }, [1, 2, 3, 6, 7]],
    [{ 1: 9 }, [1]],
    [{}, []],
  ])('are joined up to a circle: %j', (next, expected) => {
    expect(left(next)).toEqual(expected);
  });

  it('are refused if they are too many', () => {
    const refused = expect.objectContaining({ code: 'APP_VALUE_INVALID' }) as Error;
    expect(left(chain(200))).toHaveLength(200);
    expect(() => left(chain(300))).toThrow(refused);
    expect(left(chain(150), [140])).toHaveLength(150);
    expect(() =>
      left(
        chain(150),
        Array.from({ length: 1_000 }, () => 1),
      ),
    ).toThrow(refused);
  });
});

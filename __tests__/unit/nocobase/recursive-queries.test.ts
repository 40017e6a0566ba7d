import { readFileSync } from 'node:fs';
import path from 'node:path';
import type Database from '@nocobase/database';
import { endRecursion, withEnd } from '../../../server/nocobase/recursive-queries';

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

  it('is written as in the installed NocoBase', () => {
    const source = 'host/node_modules/@nocobase/database/lib/eager-loading/eager-loading-tree.js';
    const text = readFileSync(path.resolve(source), 'utf8');
    const [, template = ''] = /sql: `(WITH RECURSIVE[^`]+)`/.exec(text) ?? [];
    const sql = template.replace(/\$\{placeholders\}/, '$1').replace(/\$\{[^}]+\}/g, '"x"');
    expect(withEnd(sql)).not.toBe(sql);
  });

  it('of an application is changed, with its other arguments', () => {
    const query = jest.fn();
    const db = { sequelize: { query } } as unknown as Database;
    endRecursion(db);
    void db.sequelize.query(FOLLOWING, { bind: [1] } as never);
    expect(query.mock.calls).toEqual([[withEnd(FOLLOWING), { bind: [1] }]]);
  });
});

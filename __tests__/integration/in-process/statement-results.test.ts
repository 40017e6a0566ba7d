import { createRequire } from 'node:module';
import path from 'node:path';
import type Database from '@nocobase/database';
import { type Dialect, Sequelize } from 'sequelize';
import { isAppError } from '../../../src/errors';
import { chainOf } from '../../../server/databases/error-chain';
import { RESULT_BOUND, withResultBound } from '../../../server/databases/row-limit';
import { ConnectionBudget } from '../../../server/lifecycle/connection-budget';
import { countConnections } from '../../../server/lifecycle/pooled-connections';
import { knownServers, type KnownServer } from '../../helpers/database-servers';

/** What statements of applications may return, by each driver. */

const host = createRequire(path.resolve('host/node_modules/x.js'));
const DRIVERS: Record<string, string> = { postgres: 'pg', mysql: 'mysql2', mariadb: 'mariadb' };

const DIGITS = `(${Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS n`).join(' UNION ALL ')})`;
/** A statement that returns so many rows. */
const rows = (count: number, column = 'a.n') =>
  `SELECT ${column} AS v FROM ${[...'abcdef'].map((name) => `${DIGITS} ${name}`).join(', ')} LIMIT ${count}`;
const mega = (count: number) => rows(count, `REPEAT('x', ${2 ** 20})`);

const codeOf = (error: unknown) => {
  for (const one of chainOf(error)) if (isAppError(one)) return `${one.code} ${one.message}`;
  return String(error);
};

function results({ dialect, address }: KnownServer): void {
  let sequelize: Sequelize;
  const budget = new ConnectionBudget(10);
  const unbounded = jest.fn();

  beforeAll(() => {
    const { host: server, port, username, password, database } = address;
    sequelize = new Sequelize(database, username ?? '', password ?? '', {
      host: server,
      port,
      dialect: dialect.name as Dialect,
      dialectModule: host(DRIVERS[dialect.name] as string) as object,
      logging: false,
      pool: { max: 3, min: 0, idle: 500, evict: 200, acquire: 10_000 },
    });
    countConnections({ sequelize, reconnect: jest.fn() } as unknown as Database, 'crm', budget, {
      onUnbounded: unbounded,
    });
  });
  afterAll(async () => {
    await sequelize?.close();
    expect(budget.snapshot().inUse).toBe(0);
  });

  const query = async (sql: string, options = {}) => (await sequelize.query(sql, options))[0] as { v: unknown }[];
  const outcome = (sql: string, options = {}) => query(sql, options).then(({ length }) => length, codeOf);
  const tooMany = expect.stringMatching(/^APP_VALUE_INVALID .*more than 200000 rows or 64 MB/) as string;

  it('come through up to the bound, statement by statement', async () => {
    for (let round = 0; round < 3; round += 1) expect(await outcome(rows(RESULT_BOUND.rows - 100))).toBe(199_900);
    expect(await outcome(mega(50))).toBe(50);
    expect(await outcome(mega(50))).toBe(50);
    expect(unbounded).not.toHaveBeenCalled();
  });

  it('end beyond it with a code, and the pool serves on', async () => {
    expect(await outcome(rows(900_000))).toEqual(tooMany);
    expect(await outcome(mega(100))).toEqual(tooMany);
    expect(await outcome('SELECT 1 AS v')).toBe(1);
    const several = await Promise.all(
      [rows(300_000), rows(100), rows(300_000), rows(150_000)].map((sql) => outcome(sql)),
    );
    expect(several).toEqual([tooMany, 100, tooMany, 150_000]);
    const end = Date.now() + 5_000;
    while (budget.snapshot().inUse > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(budget.snapshot()).toMatchObject({ inUse: 0, waiting: 0 });
  });

  it('end with the code in a transaction, and what follows in it as well', async () => {
    jest.spyOn(console, 'warn').mockImplementation();
    const managed = sequelize.transaction((transaction) => query(rows(300_000), { transaction }));
    expect(await managed.then(({ length }) => length, codeOf)).toEqual(tooMany);
    const transaction = await sequelize.transaction();
    expect(await outcome(rows(300_000), { transaction })).toEqual(tooMany);
    expect(await outcome('SELECT 1 AS v', { transaction })).toEqual(tooMany);
    await transaction.rollback().catch(() => undefined);
    expect(await outcome('SELECT 1 AS v')).toBe(1);
  });

  it('may be larger for work that says so', async () => {
    const bound = { rows: 400_000, megabytes: 128 };
    expect(await withResultBound(bound, () => outcome(rows(300_000)))).toBe(300_000);
    expect(await withResultBound(bound, () => outcome(mega(80)))).toBe(80);
    expect(await outcome(rows(300_000))).toEqual(tooMany);
  });

  if (dialect.family !== 'postgres') return;
  it('end before a single value has arrived that is larger', async () => {
    expect(await outcome(`SELECT repeat('x', ${100 * 2 ** 20}) AS v`)).toEqual(tooMany);
  });
}

for (const server of knownServers()) {
  const name = `results of statements by ${server.dialect.name}`;
  if (server.missing) describe.skip(`${name} (skipped: ${server.missing})`, () => results(server));
  else describe(name, () => results(server));
}

import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { Client } from 'pg';
import { mysqlSessionLock } from '../../../server/databases/mysql-session-lock';
import { postgresSessionLock } from '../../../server/databases/postgres-session-lock';
import type { SessionLock } from '../../../server/databases/session-lock';
import { knownServers, type KnownServer } from '../../helpers/database-servers';

const run = randomBytes(4).toString('hex');
const database = `lock_test_${run}`;
const SCOPE = { schema: 'public', tablePrefix: '' };

/** A connection of an administrator, for what the tests do beside the locks. */
interface Admin {
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  end(): Promise<void>;
}

async function connect({ dialect, address }: KnownServer, name: string, user = address.username): Promise<Admin> {
  const { host, port, password } = address;
  if (dialect.family === 'postgres') {
    const client = new Client({ host, port, user, password, database: name });
    client.on('error', () => undefined);
    await client.connect();
    return {
      query: async (sql, values) => (await client.query<Record<string, unknown>>(sql, values)).rows,
      end: () => client.end(),
    };
  }
  const connection = await mysql.createConnection({ host, port, user, password, database: name });
  return {
    query: async (sql, values) => (await connection.query(sql, values))[0] as Record<string, unknown>[],
    end: () => connection.end(),
  };
}

async function eventually(check: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('not within five seconds');
}

const servers = knownServers().filter(({ dialect }) => dialect.name !== 'mysql');

describe.each(servers.map((server) => [server.dialect.name, server] as const))('session lock on %s', (_name, known) => {
  if (known.missing) {
    it.skip(`(skipped: ${known.missing})`, () => undefined);
    return;
  }
  const isPostgres = known.dialect.family === 'postgres';
  const create = isPostgres ? postgresSessionLock : mysqlSessionLock;
  const open: SessionLock[] = [];
  const lock = (scope = SCOPE, onBroken: () => void = () => undefined) => {
    const made = create({ ...known.address, database }, scope, onBroken);
    open.push(made);
    return made;
  };
  let admin: Admin;

  beforeAll(async () => {
    const server = await connect(known, known.address.database);
    await server.query(`CREATE DATABASE ${database}`);
    await server.end();
    admin = await connect(known, database);
    await admin.query('CREATE TABLE applications (name VARCHAR(50))');
  });

  afterEach(() => Promise.all(open.splice(0).map((held) => held.close())));

  afterAll(async () => {
    await admin.end();
    const server = await connect(known, known.address.database);
    await server.query(`DROP DATABASE ${database}`);
    await server.end();
  });

  it('is held by one connection, and free for the next one when that closes', async () => {
    const [first, second] = [lock(), lock()];
    expect(await first.acquire()).toBe(true);
    expect(await first.isHeld()).toBe(true);
    expect(await second.acquire()).toBe(false);
    expect(await second.isHeld()).toBe(false);
    await first.close();
    expect(await first.isHeld()).toBe(false);
    await eventually(() => second.acquire());
    expect(await second.isHeld()).toBe(true);
  });

  it('of eight connections that ask at once, exactly one holds it', async () => {
    const all = Array.from({ length: 8 }, () => lock());
    const results = await Promise.all(all.map((each) => each.acquire()));
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  it('may be acquired again after it was closed', async () => {
    const held = lock();
    expect(await held.acquire()).toBe(true);
    await held.close();
    await eventually(() => held.acquire());
  });

  it('reports a connection that the server ended, and is free then', async () => {
    let broken = 0;
    const held = lock(SCOPE, () => (broken += 1));
    expect(await held.acquire()).toBe(true);
    if (isPostgres) {
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%lock' AND datname = $1",
        [database],
      );
    } else {
      const [row] = await admin.query(
        'SELECT id FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()',
        [database],
      );
      await admin.query(`KILL ${Number(row?.id ?? row?.ID)}`);
    }
    await eventually(() => broken === 1);
    expect(await held.isHeld()).toBe(false);
    expect(await lock().acquire()).toBe(true);
  });

  it('rejects within seconds if the server cannot be reached', async () => {
    const unreachable = create({ ...known.address, port: 9, database }, SCOPE, () => undefined);
    await expect(unreachable.acquire()).rejects.toThrow();
    await unreachable.close();
  });

  if (isPostgres) {
    it('two main applications in one database have two locks', async () => {
      expect(await lock().acquire()).toBe(true);
      expect(await lock({ schema: 'ops', tablePrefix: '' }).acquire()).toBe(true);
      expect(await lock({ schema: 'public', tablePrefix: 'nb_' }).acquire()).toBe(true);
    });

    it('a role that cannot read the applications does not keep it', async () => {
      const role = `lock_tenant_${run}`;
      await admin.query(`CREATE ROLE ${role} LOGIN`);
      const held = lock();
      expect(await held.acquire()).toBe(true);
      const sql =
        "SELECT classid::bigint AS c, objid::bigint AS o FROM pg_locks WHERE locktype = 'advisory' AND granted";
      const [key] = await admin.query(`${sql} AND database = (SELECT oid FROM pg_database WHERE datname = $1)`, [
        database,
      ]);
      await held.close();
      const tenant = await connect(known, database, role);
      try {
        await eventually(async () => {
          const rows = await tenant.query('SELECT pg_try_advisory_lock($1, $2) AS ok', [
            Number(key?.c),
            Number(key?.o),
          ]);
          return rows[0]?.ok === true;
        });
        const next = lock();
        await eventually(() => next.acquire());
      } finally {
        await tenant.end().catch(() => undefined);
        await admin.query(`DROP ROLE ${role}`);
      }
    });
  } else {
    it('its name is derived from a secret that is kept in the main database, and is the same for all processes', async () => {
      const held = lock();
      expect(await held.acquire()).toBe(true);
      const [row] = await admin.query("SELECT value FROM app_supervisor_state WHERE name = 'lock'");
      expect(row?.value).toMatch(/^[0-9a-f]{64}$/);
      expect(await lock().acquire()).toBe(false);
    });

    it('follows another secret, which a restored backup may bring', async () => {
      const held = lock();
      expect(await held.acquire()).toBe(true);
      await admin.query("UPDATE app_supervisor_state SET value = 'another' WHERE name = 'lock'");
      expect(await held.acquire()).toBe(true);
      expect(await lock().acquire()).toBe(false);
    });
  }
});

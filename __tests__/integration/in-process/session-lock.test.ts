import { randomBytes } from 'node:crypto';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import mysql from 'mysql2/promise';
import { Client } from 'pg';
import { mysqlSessionLock } from '../../../server/databases/mysql-session-lock';
import { withPostgresTemplates } from '../../../server/databases/postgres-copy';
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

/** Passes connections on to the server, and holds back what the server says while it is paused. */
async function pausingForwarder({ host, port }: KnownServer['address']) {
  const sockets: Socket[] = [];
  const upstream: Socket[] = [];
  const server = createServer((socket) => {
    const there = connectTcp(port, host);
    sockets.push(socket, there);
    upstream.push(there);
    for (const end of [socket, there]) end.on('error', () => undefined);
    socket.pipe(there);
    there.on('data', (data) => socket.write(data)).on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    pause: () => upstream.forEach((socket) => socket.pause()),
    resume: () => upstream.forEach((socket) => socket.resume()),
    end: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
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

  it('keeps its connection, and the lock, when an answer does not come in time', async () => {
    const way = await pausingForwarder(known.address);
    const held = create({ ...known.address, port: way.port, database }, SCOPE, () => undefined);
    try {
      expect(await held.acquire()).toBe(true);
      way.pause();
      await expect(held.isHeld()).rejects.toThrow();
      expect(await lock().acquire()).toBe(false);
      way.resume();
      expect(await held.isHeld()).toBe(true);
      expect(await lock().acquire()).toBe(false);
    } finally {
      await held.close();
      way.end();
    }
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

    describe('and a role that cannot read the applications', () => {
      const main = `lock_main_${run}`;
      const role = `lock_tenant_${run}`;
      const sessions: Admin[] = [];
      const mainLock = () => {
        const made = create({ ...known.address, username: main, database }, SCOPE, () => undefined);
        open.push(made);
        return made;
      };
      const asTenant = async () => {
        const session = await connect(known, database, role);
        sessions.push(session);
        return session;
      };
      /** Half of the sessions hold the lock or wait for it, the others try again and again. */
      const besiege = async ([c, o]: number[]) => {
        const key = `${c}, ${o}`;
        for (let count = 0; count < 8; count += 1) {
          const session = await asTenant();
          const sql =
            count % 2 === 0
              ? `SELECT pg_advisory_lock(${key})`
              : `DO $$ BEGIN LOOP EXIT WHEN pg_try_advisory_lock(${key}); PERFORM pg_sleep(0.001); END LOOP; END $$`;
          session.query(sql).catch(() => undefined);
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      };
      /** The key of the only lock that is held. */
      const keyInUse = async () => {
        const [row] = await admin.query(
          `SELECT classid::bigint::int AS c, objid::bigint::int AS o FROM pg_locks WHERE locktype = 'advisory'
              AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        );
        return [Number(row?.c), Number(row?.o)];
      };

      beforeAll(async () => {
        // No superuser: it may end sessions of roles that it is a member of, as of those of applications.
        await admin.query(`CREATE ROLE ${main} LOGIN CREATEDB; GRANT SELECT ON applications TO ${main}`);
        await admin.query(`CREATE ROLE ${role} LOGIN; GRANT ${role} TO ${main}`);
      });

      afterEach(() => Promise.all(sessions.splice(0).map((session) => session.end().catch(() => undefined))));

      afterAll(() => admin.query(`DROP OWNED BY ${main}, ${role}; DROP ROLE ${main}, ${role}`));

      it('its sessions that hold the lock or wait for it do not keep it', async () => {
        const held = mainLock();
        expect(await held.acquire()).toBe(true);
        const key = await keyInUse();
        await held.close();
        await besiege(key);
        expect(await mainLock().acquire()).toBe(true);
      });

      it('a supervisor that holds the lock keeps it, and gives it to the next one', async () => {
        const [held, next] = [mainLock(), mainLock()];
        expect(await held.acquire()).toBe(true);
        await besiege(await keyInUse());
        expect(await next.acquire()).toBe(false);
        expect(await held.isHeld()).toBe(true);
        await besiege(await keyInUse());
        await held.close();
        await eventually(() => next.acquire());
      });

      it('a session that the supervisor may not end is waited for, and spares no other session', async () => {
        const stranger = `lock_stranger_${run}`;
        await admin.query(`CREATE ROLE ${stranger} LOGIN`);
        try {
          const held = mainLock();
          expect(await held.acquire()).toBe(true);
          const key = await keyInUse();
          await held.close();
          const session = await connect(known, database, stranger);
          sessions.push(session);
          await session.query(`SELECT pg_advisory_lock(${key.join(', ')})`);
          await besiege(key);
          const next = mainLock();
          expect(await next.acquire()).toBe(false);
          await session.end();
          await besiege(key);
          await eventually(() => next.acquire());
        } finally {
          await Promise.all(sessions.splice(0).map((session) => session.end().catch(() => undefined)));
          // Another NocoBase that closed its database meanwhile has let this role in by name.
          await admin.query(`DROP OWNED BY ${stranger}; DROP ROLE ${stranger}`);
        }
      });

      it('its sessions do not keep the lock of the templates', async () => {
        const server = { ...known.address, username: main, database };
        const key = await withPostgresTemplates(server, 5_000, async () => {
          // Only one at a time, of the supervisors as well.
          expect(await withPostgresTemplates(server, 5_000, () => Promise.resolve(true))).toBeUndefined();
          return keyInUse();
        });
        await besiege(key as number[]);
        expect(await withPostgresTemplates(server, 5_000, () => Promise.resolve(true))).toBe(true);
      });
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

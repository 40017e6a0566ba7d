import { createHash } from 'node:crypto';
import { Client } from 'pg';
import type { ServerAddress } from './dialect';
import { clientConfig, hangUp } from './postgres-connection';
import type { LockScope, OnBroken, SessionLock } from './session-lock';

/** The first half of the advisory key: one for all locks of this plugin. */
const LOCK_CLASS = 0x41505056;
const STATEMENT_TIMEOUT_MS = 3_000;
const KEEP_ALIVE_AFTER_MS = 5_000;

/**
 * The server notices within about 15 seconds that a machine or a network is gone, and then releases the lock. Where
 * the connection is no TCP connection, the server ignores these settings.
 * https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS
 */
const KEEP_ALIVES = [
  'SET tcp_keepalives_idle = 6',
  'SET tcp_keepalives_interval = 3',
  'SET tcp_keepalives_count = 3',
  'SET tcp_user_timeout = 15000',
  'SET idle_session_timeout = 0',
];

const HELD_BY_US = `
  SELECT 1 FROM pg_locks
  WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND objsubid = 2
    AND granted AND pid = pg_backend_pid()`;

/**
 * A session that holds the lock although its role cannot read the main application's records. No supervisor can do
 * its work like that: the session belongs to an application that keeps its schema in this database.
 */
const END_STRANGERS = `
  SELECT pg_terminate_backend(activity.pid)
  FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
  WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND objsubid = 2
    AND granted AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND activity.usename <> current_user
    AND NOT has_table_privilege(activity.usename, to_regclass($3), 'SELECT')`;

/** The second half of the advisory key, as a positive number of 31 bits. */
function keyOf({ schema, tablePrefix }: LockScope): number {
  return createHash('sha256').update(`${schema}\0${tablePrefix}`).digest().readUInt32BE(0) & 0x7fffffff;
}

/** An advisory lock in the main application's own database, on a connection of its own. */
class PostgresSessionLock implements SessionLock {
  private client?: Client;
  private readonly key: [number, number];

  constructor(
    private readonly server: ServerAddress,
    private readonly scope: LockScope,
    private readonly onBroken: OnBroken,
  ) {
    this.key = [LOCK_CLASS, keyOf(scope)];
  }

  async acquire(): Promise<boolean> {
    const client = this.client ?? (await this.connect());
    if (await this.tryLock(client)) return true;
    const { schema, tablePrefix } = this.scope;
    const ended = await client.query(END_STRANGERS, [...this.key, `"${schema}"."${tablePrefix}applications"`]);
    return (ended.rowCount ?? 0) > 0 && (await this.tryLock(client));
  }

  async isHeld(): Promise<boolean> {
    if (!this.client) return false;
    const { rowCount } = await this.client.query(HELD_BY_US, this.key);
    return (rowCount ?? 0) > 0;
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    if (client) await hangUp(client);
  }

  private async tryLock(client: Client): Promise<boolean> {
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', this.key);
    return rows[0]?.held === true;
  }

  private async connect(): Promise<Client> {
    const client = new Client({
      ...clientConfig(this.server, this.server.database),
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      application_name: 'nocobase-plugin-app-supervisor lock',
    });
    // Without a listener, a connection that breaks while no statement runs would end the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      // Servers before version 14 do not know the last one.
      for (const statement of KEEP_ALIVES) await client.query(statement).catch(() => undefined);
    } catch (error) {
      await hangUp(client);
      throw error;
    }
    client.on('end', () => {
      if (this.client !== client) return;
      this.client = undefined;
      this.onBroken();
    });
    this.client = client;
    return client;
  }
}

export const postgresSessionLock = (server: ServerAddress, scope: LockScope, onBroken: OnBroken): SessionLock =>
  new PostgresSessionLock(server, scope, onBroken);

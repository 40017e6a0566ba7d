import { Client } from 'pg';
import type { ServerAddress } from './dialect';
import { advisoryKey, takeAdvisoryLock } from './postgres-advisory-lock';
import { clientConfig, hangUp, setSafePath } from './postgres-connection';
import type { LockScope, OnBroken, SessionLock } from './session-lock';

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

/** An advisory lock in the main application's own database, on a connection of its own. */
class PostgresSessionLock implements SessionLock {
  private client?: Client;
  private readonly key: [number, number];

  constructor(
    private readonly server: ServerAddress,
    private readonly scope: LockScope,
    private readonly onBroken: OnBroken,
  ) {
    // Processes with older versions of this plugin take the same key.
    this.key = advisoryKey(`${scope.schema}\0${scope.tablePrefix}`);
  }

  async acquire(): Promise<boolean> {
    const client = this.client ?? (await this.connect());
    const { schema, tablePrefix } = this.scope;
    const records = [schema, `${tablePrefix}applications`].map((name) => client.escapeIdentifier(name)).join('.');
    // No supervisor can do its work without the main application's records.
    const strangers = `NOT has_table_privilege(role.oid, to_regclass(${client.escapeLiteral(records)}), 'SELECT')`;
    return takeAdvisoryLock(client, { key: this.key, strangers });
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
      await setSafePath(client);
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

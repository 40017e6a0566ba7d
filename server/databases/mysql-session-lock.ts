import { createHash, randomBytes } from 'node:crypto';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { ServerAddress } from './dialect';
import { dial, hangUp, quoted, within } from './mysql-connection';
import type { LockScope, OnBroken, SessionLock } from './session-lock';

const STATEMENT_TIMEOUT_MS = 3_000;
/** In seconds: after such a silence the server ends the session. The holder asks every two seconds. */
const SESSION_TIMEOUT = 60;
const STATE_TABLE = 'app_supervisor_state';
const SECRET_ROW = 'lock';

/**
 * `GET_LOCK` of MySQL and MariaDB. Its names are valid for the whole server, and every account may take any of them.
 * Therefore the name is derived from a random value in a table of the main application, which no application can read.
 * https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html
 */
class MysqlSessionLock implements SessionLock {
  private connection?: Connection;
  private name?: string;

  constructor(
    private readonly server: ServerAddress,
    private readonly scope: LockScope,
    private readonly onBroken: OnBroken,
  ) {}

  async acquire(): Promise<boolean> {
    const connection = this.connection ?? (await this.connect());
    const name = await this.lockName(connection);
    // A restore of the main application's backup may have brought another secret.
    if (this.name !== undefined && this.name !== name)
      await this.ask(connection, 'SELECT RELEASE_ALL_LOCKS() AS answer');
    this.name = name;
    return (await this.ask(connection, 'SELECT GET_LOCK(?, 0) AS answer', [name])) === 1;
  }

  async isHeld(): Promise<boolean> {
    if (!this.connection || this.name === undefined) return false;
    const sql = 'SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS answer';
    return (await this.ask(this.connection, sql, [this.name])) === 1;
  }

  close(): Promise<void> {
    const { connection } = this;
    this.connection = undefined;
    this.name = undefined;
    if (connection) hangUp(connection);
    return Promise.resolve();
  }

  private async lockName(connection: Connection): Promise<string> {
    const table = quoted(`${this.scope.tablePrefix}${STATE_TABLE}`);
    const read = `SELECT value AS answer FROM ${table} WHERE name = ?`;
    let secret = await this.ask(connection, read, [SECRET_ROW]).catch(() => undefined);
    if (secret === undefined) {
      const columns = 'name VARCHAR(64) NOT NULL PRIMARY KEY, value VARCHAR(255) NOT NULL';
      await this.run(connection, `CREATE TABLE IF NOT EXISTS ${table} (${columns})`);
      // Of two processes that come at once, both read the value that the first one wrote.
      const insert = `INSERT IGNORE INTO ${table} (name, value) VALUES (?, ?)`;
      await this.run(connection, insert, [SECRET_ROW, randomBytes(32).toString('hex')]);
      secret = await this.ask(connection, read, [SECRET_ROW]);
    }
    return createHash('sha256').update(String(secret)).digest('hex').slice(0, 60);
  }

  private async ask(connection: Connection, sql: string, values: string[] = []): Promise<unknown> {
    const [row] = (await this.run(connection, sql, values)) as { answer?: unknown }[];
    return row?.answer;
  }

  private async run(connection: Connection, sql: string, values: string[] = []): Promise<RowDataPacket[]> {
    const [rows] = await within(STATEMENT_TIMEOUT_MS, connection.query<RowDataPacket[]>(sql, values));
    return rows;
  }

  private async connect(): Promise<Connection> {
    const connection = await dial(this.server, this.server.database, { enableKeepAlive: true });
    try {
      await this.run(connection, `SET SESSION wait_timeout = ${SESSION_TIMEOUT}`);
    } catch (error) {
      hangUp(connection);
      throw error;
    }
    const broken = () => {
      if (this.connection !== connection) return;
      this.connection = undefined;
      this.onBroken();
    };
    // The promise wrapper passes on `error`; `end` comes from the connection itself.
    connection.on('error', broken);
    connection.on('end', broken);
    this.connection = connection;
    return connection;
  }
}

export const mysqlSessionLock = (server: ServerAddress, scope: LockScope, onBroken: OnBroken): SessionLock =>
  new MysqlSessionLock(server, scope, onBroken);

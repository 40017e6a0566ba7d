import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';

/**
 * Drivers keep all rows of a statement in the memory of the process, and read them in the shared thread. Here the rows of
 * an application are counted while they arrive; beyond the bound the connection is closed, which ends the statement.
 */

export interface ResultBound {
  rows: number;
  megabytes: number;
}

export const RESULT_BOUND: ResultBound = { rows: 200_000, megabytes: 64 };

/** Of dumps of NocoBase, which read each table by one statement. */
const DUMP_BOUND: ResultBound = { rows: 1_000_000, megabytes: 256 };

const MB = 2 ** 20;

const wider = new AsyncLocalStorage<ResultBound>();

/** Applies another bound to all statements of this work. */
export function withResultBound<T>(bound: ResultBound, work: () => T): T {
  return wider.run(bound, work);
}

/** Applies the bound of dumps to all statements of this work. */
export const withDumpBound = <T>(work: () => T): T => withResultBound(DUMP_BOUND, work);

type Method = (this: unknown, ...given: unknown[]) => unknown;

/** As much as is used of `pg.Client`, and of the connections of `mysql2` and `mariadb`. */
interface DriverConnection {
  query: Method;
  execute?: Method;
  /** `pg` */
  connection?: EventEmitter & { stream?: Socket };
  /** `mysql2`. Called without a packet when a statement begins. */
  handlePacket?: (packet?: { length(): number }) => void;
  stream?: Socket;
  /** `mariadb` */
  __tests?: { getSocket?(): Socket | undefined };
}

/** What the statement at work has returned. */
class Result {
  private bound = RESULT_BOUND;
  private rows = 0;
  private bytes = 0;
  private failure?: AppError;

  /** @param cut closes the connection */
  constructor(private readonly cut: (error: AppError) => void) {}

  get error(): AppError | undefined {
    return this.failure;
  }

  /** Each statement is sent in the context of its caller; its rows arrive in that of the connection. */
  asked(): void {
    this.bound = wider.getStore() ?? RESULT_BOUND;
  }

  begin(): void {
    this.rows = 0;
    this.bytes = 0;
  }

  add(rows: number, bytes: number): void {
    this.rows += rows;
    this.bytes += bytes;
    const { rows: most, megabytes } = this.bound;
    if (this.failure || (this.rows <= most && this.bytes <= megabytes * MB)) return;
    const reason = phrase('the statement returns more than {rows} rows or {megabytes} MB', { rows: most, megabytes });
    this.failure = new AppError('APP_VALUE_INVALID', { field: 'result', reason });
    this.cut(this.failure);
  }
}

/** What follows on a closed connection, such as a rollback, fails for the same reason. */
function fail(error: AppError, given: unknown[]): unknown {
  const callback = given.at(-1);
  if (typeof callback !== 'function') return Promise.reject(error);
  process.nextTick(callback, error);
  return new EventEmitter();
}

function watchStatements(connection: DriverConnection, result: Result): void {
  for (const name of ['query', 'execute'] as const) {
    const method = connection[name];
    if (typeof method !== 'function') continue;
    connection[name] = (...given) => {
      if (result.error) return fail(result.error, given);
      result.asked();
      return method.apply(connection, given);
    };
  }
}

/** Fails the statement at work with the error. */
function closing(stream: Socket, onClosed: () => void): (error: AppError) => void {
  return (error) => {
    stream.once('close', onClosed);
    stream.destroy(error);
  };
}

/** The bytes are counted as they arrive: one value may be larger than the bound. */
function boundPostgres(wire: EventEmitter, stream: Socket, onClosed: () => void): Result {
  const result = new Result(closing(stream, onClosed));
  stream.on('data', (chunk: Buffer) => result.add(0, chunk.length));
  wire.on('dataRow', () => result.add(1, 0));
  wire.on('readyForQuery', () => result.begin());
  return result;
}

/** Each row is a packet. */
function boundMysql2(connection: DriverConnection, stream: Socket, onClosed: () => void): Result {
  const result = new Result(closing(stream, onClosed));
  const handle = connection.handlePacket?.bind(connection);
  connection.handlePacket = (packet) => {
    if (packet) result.add(1, packet.length());
    else result.begin();
    handle?.(packet);
  };
  return result;
}

const HEADER = 4;

/** Counts the packets of MySQL's protocol in a stream: three bytes of a length, one of a number, and the content. */
export class PacketCounter {
  private header = 0;
  private length = 0;
  private left = 0;

  /** Returns how many packets begin in this chunk. */
  add(chunk: Uint8Array): number {
    let begun = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.left > 0) {
        const step = Math.min(this.left, chunk.length - at);
        this.left -= step;
        at += step;
        continue;
      }
      if (this.header < HEADER - 1) this.length += (chunk[at] as number) << (8 * this.header);
      this.header += 1;
      at += 1;
      if (this.header < HEADER) continue;
      begun += 1;
      this.left = this.length;
      this.header = 0;
      this.length = 0;
    }
    return begun;
  }
}

/** The driver `mariadb` hands out rows only when all of them are there. */
function boundMariadb(connection: DriverConnection, socket: Socket, onClosed: () => void): Result {
  const result = new Result(closing(socket, onClosed));
  const packets = new PacketCounter();
  socket.on('data', (chunk: Buffer) => result.add(packets.add(chunk), chunk.length));
  const { query } = connection;
  let open = 0;
  connection.query = async (...given) => {
    if (open === 0) result.begin();
    open += 1;
    try {
      return await query.apply(connection, given);
    } finally {
      open -= 1;
    }
  };
  return result;
}

function boundBy(connection: DriverConnection, onClosed: () => void): Result | undefined {
  const { connection: wire, stream, handlePacket } = connection;
  if (wire?.stream && typeof wire.on === 'function') return boundPostgres(wire, wire.stream, onClosed);
  if (stream && typeof handlePacket === 'function') return boundMysql2(connection, stream, onClosed);
  const socket = connection.__tests?.getSocket?.();
  return socket && boundMariadb(connection, socket, onClosed);
}

/**
 * Bounds what each statement on an open connection may return. The statement beyond it fails with APP_VALUE_INVALID.
 * @param onClosed called when the connection was closed for that
 * @returns false if the driver is not known
 */
export function boundResults(connection: object, onClosed: () => void): boolean {
  const driver = connection as DriverConnection;
  const result = boundBy(driver, onClosed);
  if (result) watchStatements(driver, result);
  return result !== undefined;
}

import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { PassThrough } from 'node:stream';

/**
 * The transports by which NocoBase's loggers write files. Neither survives a failed write: the one has no listener for
 * the error, which ends the process, the other one goes silent for good; the logger hears of neither.
 */

/** Decides about lines and hears of failures; a file is known by its transport. */
export interface LogFileWatch {
  /** What is done with the next line: it is written, written to the file opened again, or dropped. */
  next(transport: object): 'write' | 'reopen' | 'drop';
  failed(transport: object, error: unknown): void;
  reopened(transport: object): void;
  closed(transport: object): void;
  /** A write to the standard output or error failed. */
  missed(error: unknown): void;
}

type LogLine = (info: object, callback?: () => void) => unknown;

/** Of the package `winston-daily-rotate-file`; NocoBase's default. */
interface RotatingTransport {
  logStream?: EventEmitter & { auditLog?: { auditLog?: string } | null; end?: () => void };
  options: object;
  log: LogLine;
  close: () => void;
}

/** Of `winston` itself (`LOGGER_TRANSPORT=file`). */
interface FileTransport {
  _stream: PassThrough;
  _drain?: boolean;
  _createStream: (source: PassThrough) => EventEmitter;
  open: () => void;
  stat: (done: (error: unknown, size?: number) => void) => void;
  _opening: boolean;
  log: LogLine;
  close: (done?: () => void) => void;
}

type TransportClass<T> = { new (options: object): T; prototype: T };

const noop = () => undefined;

/** A line on its way: written, dropped while the file fails, or written to the file opened again. Never throws. */
function guardedLog<T extends { log: LogLine }>(original: LogLine, watch: LogFileWatch, reopen: (own: T) => void) {
  return function (this: T, info: object, callback: () => void = noop): unknown {
    try {
      const next = watch.next(this);
      if (next === 'drop') return callback();
      if (next === 'reopen') {
        reopen(this);
        watch.reopened(this);
      }
    } catch (error) {
      watch.failed(this, error);
      return callback();
    }
    return original.call(this, info, callback);
  };
}

/** Listens to each stream of the transport before anything is written to it. */
export function guardRotating(transport: TransportClass<RotatingTransport>, watch: LogFileWatch): void {
  const { prototype } = transport;
  const { log, close } = prototype;
  const known = new WeakSet<object>();
  const listen = (own: RotatingTransport) => {
    const { logStream } = own;
    if (!logStream || known.has(logStream)) return;
    known.add(logStream);
    logStream.on('error', (error: unknown) => {
      // What still fails of a stream that was replaced is known already.
      if (own.logStream === logStream) watch.failed(own, error);
    });
  };
  const reopen = (own: RotatingTransport) => {
    const { logStream: broken } = own;
    const auditFile = broken?.auditLog?.auditLog;
    const { logStream } = new transport({ ...own.options, ...(auditFile && { auditFile }) });
    own.logStream = logStream;
    broken?.end?.();
  };
  const write: LogLine = function (this: RotatingTransport, info, callback = noop) {
    listen(this);
    try {
      log.call(this, info, noop);
    } catch (error) {
      // The rotation makes folders and files at once.
      watch.failed(this, error);
    }
    return callback();
  };
  prototype.log = guardedLog<RotatingTransport>(write, watch, reopen);
  prototype.close = function (this: RotatingTransport) {
    watch.closed(this);
    listen(this);
    close.call(this);
  };
}

export function guardFile({ prototype }: TransportClass<FileTransport>, watch: LogFileWatch): void {
  const { log, close, stat, _createStream: createStream } = prototype;
  prototype._createStream = function (this: FileTransport, source) {
    const file = createStream.call(this, source);
    file.on('error', (error: unknown) => {
      watch.failed(this, error);
      const { _stream: stuck } = this;
      this._stream = new PassThrough().setMaxListeners(30);
      this._drain = false;
      // Lines that wait for room in the buffer are dropped.
      stuck.emit('drain');
      stuck.destroy();
    });
    return file;
  };
  prototype.stat = function (this: FileTransport, done) {
    stat.call(this, (error, size) => {
      if (!error) return done(null, size);
      // The transport would emit it to a logger that has no listener.
      this._opening = false;
      watch.failed(this, error);
    });
  };
  prototype.log = guardedLog<FileTransport>(log, watch, (own) => own.open());
  prototype.close = function (this: FileTransport, done) {
    watch.closed(this);
    close.call(this, done);
  };
}

/** The classes that NocoBase's loggers use; undefined where this version of NocoBase has another one. */
function transportClasses() {
  const load = createRequire(createRequire(__filename).resolve('@nocobase/logger'));
  const rotating = load('winston-daily-rotate-file') as Partial<TransportClass<RotatingTransport>>;
  const { transports } = load('winston') as { transports?: { File?: Partial<TransportClass<FileTransport>> } };
  return { rotating, file: transports?.File };
}

const isFunction = (value: unknown) => typeof value === 'function';

/**
 * Guards every log file of the process, of all loggers that were made and will be made. To be called once: the classes are
 * the process's own. The standard output and error may be files too.
 */
export function guardLogFiles(watch: LogFileWatch, onObstacle: (message: string) => void): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => watch.missed(error));
  try {
    const { rotating, file } = transportClasses();
    const { log, close } = rotating.prototype ?? {};
    if (isFunction(log) && isFunction(close)) guardRotating(rotating as TransportClass<RotatingTransport>, watch);
    else onObstacle('the log files are not guarded against a full disk: winston-daily-rotate-file has another shape');
    const { prototype } = file ?? {};
    const known = [prototype?._createStream, prototype?.stat, prototype?.open, prototype?.log, prototype?.close];
    if (known.every(isFunction)) guardFile(file as TransportClass<FileTransport>, watch);
  } catch (error) {
    onObstacle(`the log files are not guarded against a full disk: ${String(error)}`);
  }
}

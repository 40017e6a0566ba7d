import { guardLogFiles, type LogFileWatch } from '../nocobase/log-transports';

/** How often a log file that cannot be written is opened again, in milliseconds. */
export const REOPEN_MS = 10_000;
/** A file that was opened again counts as failing until it has taken what is written for this long, in milliseconds. */
const PROBATION_MS = 3_000;

/** The log files of the process, as far as they could not be written. */
export interface LogHealthSummary {
  /** Log files that cannot be written at this moment. */
  failing: number;
  /** Failed writes since the process began. */
  failures: number;
  /** Log lines since the process began that were not written, at least. */
  lostLines: number;
  /** The last failure: the system's code, and an ISO time. */
  last: { code: string; at: string } | null;
}

interface Failing {
  /** Epoch milliseconds. */
  triedAt: number;
  reopened: boolean;
}

/**
 * Counts what the log files of the process could not take: a full disk, a broken one, a folder that is gone. A file is
 * known by its transport. It is `failing` from a failed write on, is opened again every `REOPEN_MS`, and is well again
 * when a further `PROBATION_MS` have passed without a failure.
 */
export class LogHealth implements LogFileWatch {
  private readonly failing = new Map<object, Failing>();
  private readonly gone = new WeakSet();
  private failures = 0;
  private lostLines = 0;
  private last: { code: string; at: number } | null = null;

  constructor(private readonly now: () => number = Date.now) {}

  /** A write failed; what stood in the file's buffer counts as one line. */
  failed(transport: object, error: unknown): void {
    const at = this.now();
    this.failures += 1;
    this.lostLines += 1;
    this.last = { code: codeOf(error), at };
    if (!this.gone.has(transport)) this.failing.set(transport, { triedAt: at, reopened: false });
  }

  /** A failure of a stream that is written all the same, e.g. the standard output. */
  missed(error: unknown): void {
    this.failures += 1;
    this.lostLines += 1;
    this.last = { code: codeOf(error), at: this.now() };
  }

  /** Decides what is done with a line: `write` it, `reopen` the file first, or `drop` it (it is counted). */
  next(transport: object): 'write' | 'reopen' | 'drop' {
    const failing = this.failing.get(transport);
    if (!failing) return this.gone.has(transport) ? 'drop' : 'write';
    if (failing.reopened) {
      if (this.isOver(failing)) this.failing.delete(transport);
      return 'write';
    }
    if (this.now() - failing.triedAt >= REOPEN_MS) return 'reopen';
    this.lostLines += 1;
    return 'drop';
  }

  reopened(transport: object): void {
    this.failing.set(transport, { triedAt: this.now(), reopened: true });
  }

  /** The file is closed for good; what still fails of it is counted. */
  closed(transport: object): void {
    this.gone.add(transport);
    this.failing.delete(transport);
  }

  summary(): LogHealthSummary {
    const { failures, lostLines, last } = this;
    for (const [transport, failing] of this.failing) if (this.isOver(failing)) this.failing.delete(transport);
    return {
      failing: this.failing.size,
      failures,
      lostLines,
      last: last && { code: last.code, at: new Date(last.at).toISOString() },
    };
  }

  private isOver({ reopened, triedAt }: Failing): boolean {
    return reopened && this.now() - triedAt >= PROBATION_MS;
  }
}

const ofProcess = new LogHealth();
let watched = false;

/** Begins to watch the log files of this process. Idempotent. */
export function watchLogFiles(onObstacle: (message: string) => void): void {
  if (watched) return;
  watched = true;
  guardLogFiles(ofProcess, onObstacle);
}

/** The log files of this process, as far as they could not be written. */
export function logFilesSummary(): LogHealthSummary {
  return ofProcess.summary();
}

/** The code of a system error; never its message, which names a path. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^[\w-]{1,40}$/.test(code) ? code : 'UNKNOWN';
}

import { randomUUID } from 'node:crypto';
import { AppError, isAppError } from '../../src/errors';
import type { Actor, Operation } from '../../src/events';

/** The steps of an export and of an import, in order. */
export type ArchiveStep = 'check' | 'files' | 'dump' | 'pack' | 'database' | 'restore' | 'register';

export const JOB_KINDS = ['export', 'import'] as const;
export const JOB_OUTCOMES = ['running', 'done', 'failed'] as const;

/** What a caller sees of an export or an import. */
export interface JobReport {
  id: string;
  kind: (typeof JOB_KINDS)[number];
  application: string;
  /** The archive that it makes, or is made from; null until there is one. */
  archive: string | null;
  outcome: (typeof JOB_OUTCOMES)[number];
  step: ArchiveStep;
  /** Of the step; `total` is null where nobody can know it. */
  bytes: number;
  total: number | null;
  /** ISO times; null while it runs. */
  startedAt: string;
  finishedAt: string | null;
  error: { code: string; message: string } | null;
  /** What is done, and yet should be known: `missing-files`, `encryption-key`. */
  warnings: string[];
}

/** One export or import: how far it has come, and the means to give it up. */
export class ArchiveJob {
  readonly id = randomUUID();
  archive: string | null = null;
  failure?: AppError;
  private readonly startedAt = Date.now();
  private finishedAt?: number;
  private step: ArchiveStep = 'check';
  private bytes = 0;
  private total: number | null = null;
  private readonly warnings = new Set<string>();
  private readonly abort = new AbortController();
  /** Resolves when it has ended, also when it failed. */
  done: Promise<void> = Promise.resolve();

  constructor(
    readonly kind: JobReport['kind'],
    readonly application: string,
    readonly by: Actor,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get running(): boolean {
    return this.finishedAt === undefined;
  }

  get milliseconds(): number {
    return (this.finishedAt ?? Date.now()) - this.startedAt;
  }

  get operation(): Operation {
    const { kind, application, by } = this;
    return { kind, application, since: new Date(this.startedAt).toISOString(), by };
  }

  enter(step: ArchiveStep, total: number | null = null): void {
    this.signal.throwIfAborted();
    Object.assign(this, { step, total, bytes: 0 });
  }

  readonly advance = (bytes: number): void => {
    this.bytes += bytes;
  };

  warn(warning: string): void {
    this.warnings.add(warning);
  }

  /** Ends what is under way, with this error. */
  giveUp(reason: AppError): void {
    this.abort.abort(reason);
  }

  end(error?: unknown): void {
    this.finishedAt = Date.now();
    if (error !== undefined) this.failure = explain(error);
  }

  report(): JobReport {
    const { id, kind, application, archive, step, bytes, total, failure } = this;
    const outcome = this.running ? 'running' : failure ? 'failed' : 'done';
    const error = failure ? { code: failure.code, message: failure.message } : null;
    return {
      ...{ id, kind, application, archive, outcome, step, bytes, total },
      startedAt: new Date(this.startedAt).toISOString(),
      finishedAt: this.finishedAt === undefined ? null : new Date(this.finishedAt).toISOString(),
      error,
      warnings: [...this.warnings],
    };
  }
}

/** What the file system, a program or the database said, as one of ours. */
export function explain(error: unknown): AppError {
  if (isAppError(error)) return error;
  const { code } = (error ?? {}) as { code?: unknown };
  const reason = typeof code === 'string' && /^E[A-Z]{2,20}$/.test(code) ? code : 'see the log';
  return new AppError('APP_ARCHIVE_STORAGE', { reason }, error);
}

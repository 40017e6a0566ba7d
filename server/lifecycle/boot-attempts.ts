import type { Application } from '@nocobase/server';
import { isMade, type AppRecord } from '../../src/app-record';
import { AppError, isAppError, type ErrorCode } from '../../src/errors';
import { roleInUse } from '../databases/secrets';
import { bootApplication, describeForLog, explainBootError, type BootContext, type BootStep } from './boot';
import { withDeadline } from './deadline';
import { discard } from './instance-end';
import type { JourneyLog } from './journey';
import type { RunnerHost } from './runner-host';

/** What the database says when a role cannot sign in, or reach what is its own. */
const ROLE_FAILURES = new Set<ErrorCode>(['APP_DATABASE_CREDENTIALS', 'APP_DATABASE_DENIED']);

export type ContextOf = (record: AppRecord) => BootContext;

/** What one attempt is given: contexts for its steps, and the record as it was when the attempt began. */
export interface Attempt {
  context: ContextOf;
  known: AppRecord;
  /** @throws APP_BOOT_TIMEOUT when this attempt was given up, and goes on all the same */
  assertCurrent: () => void;
  /**
   * Brings the application up, in a connected instance where there is one already; what has come up for an attempt that
   * was given up meanwhile, is ended.
   */
  boot: (record: AppRecord, connected?: Application) => Promise<void>;
}

/**
 * The attempts of one application at a boot, a making or an upgrade: one at a time, told step by step, bounded in time.
 * One that was given up is set aside: what goes on of it ends at its next step.
 */
export class BootAttempts {
  /** The last step that began. */
  step: BootStep = 'queue';
  private current?: object;
  private endNow?: (reason: AppError) => void;

  constructor(
    private readonly name: string,
    private readonly host: RunnerHost,
  ) {}

  /** @throws what the work throws, APP_NOT_FOUND, APP_BOOT_TIMEOUT, or what it was given up for */
  async run<T>(journey: JourneyLog, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { host, name } = this;
    const coming = host.fence.afresh(name, () => this.begin(journey, work));
    const ended = new Promise<never>((_resolve, reject) => {
      this.endNow = reject;
    });
    try {
      return await withDeadline(Promise.race([coming, ended]), host.config.bootTimeoutMs, () => {
        this.current = undefined;
        return this.timeout();
      });
    } finally {
      this.endNow = undefined;
    }
  }

  /** Ends the attempt under way, if there is one, with this error. */
  giveUp(reason: AppError): void {
    this.current = undefined;
    this.endNow?.(reason);
  }

  /** A failure of the present attempt as one of our errors; the log hears more of it. */
  explain(error: unknown): AppError {
    const { name, step } = this;
    const failure = this.roleFailure(explainBootError(error, name, step));
    this.host.supervisor.logger.error(`application "${name}" did not start: ${failure.message}`, {
      ...{ step, code: failure.code, error: describeForLog(failure.origin ?? error) },
    });
    return failure;
  }

  /** A role that lost its rights, or its password, is told as such: one command repairs it. */
  private roleFailure(failure: AppError): AppError {
    const { host, name } = this;
    const record = host.record(name);
    if (!record || !isMade(record) || !roleInUse(host.secrets(record))) return failure;
    const cause = failure.code === 'APP_BOOT_FAILED' ? host.provisioner.explain(failure.origin, record) : failure;
    if (!cause || !ROLE_FAILURES.has(cause.code)) return failure;
    return new AppError('APP_DATABASE_ROLE', { name }, failure.origin ?? failure);
  }

  private async begin<T>(journey: JourneyLog, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { host, name } = this;
    const known = host.record(name);
    if (!known) throw new AppError('APP_NOT_FOUND', { name });
    host.supervisor.clearAppError(name);
    const own = {};
    this.current = own;
    const assertCurrent = () => {
      if (this.current !== own) throw this.timeout();
    };
    await discard(host.supervisor, host.supervisor.apps[name]);
    assertCurrent();
    const context = (record: AppRecord): BootContext => ({
      supervisor: host.supervisor,
      mainApp: host.mainApp(),
      ownersAccount: () => host.ownersAccount(name),
      provisioner: host.provisioner,
      copies: host.copies,
      roles: host.roles,
      note: (progress) => host.noteProgress(record.name, progress),
      whileDown: (other, work_) => host.whileDown(other, work_),
      record,
      secrets: host.secrets(record),
      connectionTimeoutMs: host.config.connectionTimeoutMs,
      versions: host.versions,
      assertCurrent,
      onStep: (step) => {
        assertCurrent();
        this.step = step;
        journey.enter(step);
        host.onChange(name);
      },
      prepare: (app) => host.prepare(app),
    });
    const boot = async (record: AppRecord, connected?: Application) => {
      const app = await bootApplication(context(record), connected);
      if (this.current === own) return;
      await discard(host.supervisor, app);
      throw this.timeout();
    };
    return work({ context, known, assertCurrent, boot });
  }

  private timeout(): AppError {
    const seconds = Math.round(this.host.config.bootTimeoutMs / 1_000);
    return new AppError('APP_BOOT_TIMEOUT', { name: this.name, seconds, step: this.step });
  }
}

export function isShutdown(error: unknown): boolean {
  return isAppError(error) && error.code === 'APP_SHUTTING_DOWN';
}

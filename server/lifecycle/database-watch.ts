import type { AppRecord } from '../../src/app-record';
import { isAppError, type AppError, type ErrorCode } from '../../src/errors';
import type { AppRunner } from './app-runner';
import { withDeadline } from './deadline';
import type { FaultFence } from './fault-fence';

/** What the watch needs of the process around it. */
export interface DatabaseWatchHost {
  supervisor: { logger: { warn(text: string, meta?: object): void } };
  fence: Pick<FaultFence, 'outside'>;
  runners: ReadonlyMap<string, AppRunner>;
  record(name: string): AppRecord | undefined;
  /** Reads from the application's database over a connection of its own. @throws an `AppError` */
  places: { verify(record: AppRecord): Promise<void> };
}

/** After a check, no other one is made for this long, in milliseconds. */
export const CHECK_PAUSE_MS = 5_000;
/** A server that was not reached is asked once more after this time, in milliseconds. */
export const SECOND_LOOK_MS = 1_000;
const CHECK_DEADLINE_MS = 30_000;

/** What no instance can work without. Anything else that a check meets, e.g. a busy server, is no loss. */
const LOSSES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(['APP_DATABASE_MISSING', 'APP_DATABASE_UNREACHABLE', 'APP_DATABASE_CREDENTIALS'] as const),
]);

interface Check {
  loss: Promise<AppError | undefined>;
  /** Resolves when the application is down, if it had to go. */
  ended: Promise<void>;
}

/**
 * Takes an application down whose database is gone or away, so that it is `failed` with a backoff, and not `running`
 * without answers. A request that fails only raises the suspicion: the database itself is asked, over a connection of its
 * own, before anything is done. Checks are single-flight for each application.
 */
export class DatabaseWatch {
  private readonly checks = new Map<string, Check>();
  private readonly checkedAt = new Map<string, number>();
  private readonly taken = new Set<string>();

  constructor(
    private readonly host: DatabaseWatchHost,
    private readonly pause: (ms: number) => Promise<unknown> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {}

  /** The application threw an error by which its database may be lost. Never throws. */
  suspect(name: string): void {
    if (this.checks.has(name) || Date.now() - (this.checkedAt.get(name) ?? 0) < CHECK_PAUSE_MS) return;
    const loss = this.host.fence
      .outside(() => this.lossOf(name))
      .catch((error: unknown) => {
        this.report(name, error);
        return undefined;
      });
    const ended = loss
      .then((found) => found && this.host.fence.outside(() => this.takeDown(name, found)))
      .catch((error: unknown) => this.report(name, error))
      .finally(() => {
        this.checks.delete(name);
        this.checkedAt.set(name, Date.now());
      });
    this.checks.set(name, { loss, ended });
  }

  /**
   * The same, for a request that waits for the finding. It does not wait until the application is down, which waits for
   * the request.
   * @returns the loss; undefined if the database is there, or was looked at a moment ago. Never rejects.
   */
  async judge(name: string): Promise<AppError | undefined> {
    this.suspect(name);
    return this.checks.get(name)?.loss;
  }

  /** Whether it ran until its database was lost, and has not come up since. It comes back without a visit. */
  isLost(name: string): boolean {
    const state = this.host.runners.get(name)?.state;
    // While it is taken down it drains; a boot that fails leads back to "failed".
    if (state !== 'failed' && state !== 'draining' && state !== 'booting') this.taken.delete(name);
    return this.taken.has(name);
  }

  /** Resolves when the check under way has ended. */
  async settled(name: string): Promise<void> {
    await this.checks.get(name)?.ended;
  }

  /** The running application was refused its database as it is, or has lost it. Never throws. */
  lost(name: string, loss: AppError): void {
    this.host.fence.outside(() => this.takeDown(name, loss)).catch((error: unknown) => this.report(name, error));
  }

  private async takeDown(name: string, loss: AppError): Promise<void> {
    const runner = this.host.runners.get(name);
    if (!runner || runner.state !== 'running') return;
    this.report(name, loss);
    this.taken.add(name);
    await runner.takeDown(loss);
  }

  private async lossOf(name: string): Promise<AppError | undefined> {
    const first = await this.look(name);
    if (first?.code !== 'APP_DATABASE_UNREACHABLE') return first;
    await this.pause(SECOND_LOOK_MS);
    return this.look(name);
  }

  private async look(name: string): Promise<AppError | undefined> {
    const record = this.host.record(name);
    if (!record) return undefined;
    try {
      await withDeadline(this.host.places.verify(record), CHECK_DEADLINE_MS, () => new Error('no answer in time'));
      return undefined;
    } catch (error) {
      if (isAppError(error) && LOSSES.has(error.code)) return error;
      this.report(name, error);
      return undefined;
    }
  }

  private report(name: string, error: unknown): void {
    this.host.supervisor.logger.warn(`the database of the application "${name}" cannot be used`, {
      module: 'app-supervisor',
      application: name,
      ...(isAppError(error) ? { code: error.code } : {}),
      error: String(error),
    });
  }
}

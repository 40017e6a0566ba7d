import type { AppRecord } from '../../src/app-record';
import { appsToWake } from '../../src/policies/due';
import type { AppRunner } from './app-runner';

/** What the waker needs of the process around it. */
export interface WakerHost {
  registry: { all(): Iterable<AppRecord> };
  supervisor: { logger: { info(text: string): void } };
  runner(name: string): AppRunner | undefined;
  /** Which applications come back by themselves, since their databases were lost while they ran. */
  databaseWatch: { isLost(name: string): boolean };
}

const LOOK_MS = 10_000;
/** How long before its work is due an application is woken: its boot, and those that stand before it in the queue. */
const LEAD_MS = 60_000;

/**
 * Brings eager applications, and those that ran until their database was lost, up again when their backoff is over. Wakes sleeping applications whose own work is due soon, in the background of those that visitors wait for. When it
 * is due stands in the row: also after the process was ended, an application comes up in time for its work.
 */
export class Waker {
  private timer?: NodeJS.Timeout;

  constructor(private readonly host: WakerHost) {}

  start(): void {
    if (this.timer) return;
    this.look();
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  look(): void {
    for (const name of appsToWake(this.host.registry.all(), Date.now() + LEAD_MS)) {
      const runner = this.host.runner(name);
      if (!runner || runner.state === 'running') continue;
      if (runner.state === 'asleep')
        this.host.supervisor.logger.info(`application "${name}" is woken for its own work`);
      // A failed one is tried again when its backoff is over, as for a visitor.
      runner.wake('background', { kind: 'schedule' }).catch(() => undefined);
    }
    for (const { name, startMode } of this.host.registry.all()) {
      const lost = this.host.databaseWatch.isLost(name);
      const runner = startMode === 'eager' || lost ? this.host.runner(name) : undefined;
      if (runner?.state !== 'failed' || !runner.mayTryAgain) continue;
      // No visit starts a manual one: it ran by an operator's decision.
      const coming = startMode === 'manual' ? runner.start() : runner.wake('background');
      coming.catch(() => undefined);
    }
  }
}

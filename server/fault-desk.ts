import type { AppSupervisor } from '@nocobase/server';
import type { AppCondition } from '../src/app-state';
import { AppError } from '../src/errors';
import { SYSTEM, type AppEvent } from '../src/events';
import type { SupervisorConfig } from './config';
import { sharedEmitters } from './core';
import type { AppRunner } from './lifecycle/app-runner';
import { FaultFence, type Fault } from './lifecycle/fault-fence';
import { guardSources } from './lifecycle/fault-sources';
import { FaultLedger } from './lifecycle/fault-ledger';
import { OutgoingRequests } from './lifecycle/outgoing-requests';
import { trackOutgoing } from './lifecycle/outgoing-sources';

interface DeskHost {
  supervisor: AppSupervisor;
  config: SupervisorConfig;
  runners: ReadonlyMap<string, AppRunner>;
  tell(event: AppEvent): void;
}

/**
 * What becomes of a fault that the fence has told apart as an application's: it is logged and counted under its name,
 * and when there are too many of them, the application is taken down.
 */
export class FaultDesk {
  readonly fence: FaultFence;
  /** Requests of applications to other servers: they belong to the work that the fence tells apart. */
  readonly outgoing = new OutgoingRequests(() => this.fence.enclosure);
  private readonly ledger: FaultLedger;

  constructor(private readonly host: DeskHost) {
    this.ledger = new FaultLedger(() => host.config.faults);
    const onObstacle = (message: string) => host.supervisor.logger.warn(message, { module: 'app-supervisor' });
    this.fence = new FaultFence({
      onFault: (fault) => this.take(fault),
      onObstacle,
      guardSources: (guard) => {
        const release = guardSources(guard, sharedEmitters(host.supervisor));
        const untrack = trackOutgoing(this.outgoing.current, onObstacle);
        return () => {
          untrack();
          release();
        };
      },
    });
  }

  summary(name: string): AppCondition['faults'] {
    return this.ledger.summary(name);
  }

  forget(name: string): void {
    this.fence.forget(name);
    this.ledger.forget(name);
  }

  private take(fault: Fault): void {
    const { app, kind } = fault;
    const { log, tooMany } = this.ledger.note(fault);
    const { last } = this.ledger.summary(app) ?? {};
    if (log !== undefined) this.log(fault, log);
    if (log !== undefined && last) {
      this.host.tell({ application: app, type: 'fault', at: last.at, by: SYSTEM, reason: kind, message: last.error });
    }
    if (tooMany) this.takeDown(app);
  }

  /** @param unlogged how many before this one were only counted */
  private log({ app, kind, error }: Fault, unlogged: number): void {
    this.host.supervisor.apps.main?.log.error(`uncaught ${kind} in the application "${app}"`, {
      module: 'app-supervisor',
      fault: kind,
      application: app,
      error: error instanceof Error ? (error.stack ?? String(error)) : String(error),
      ...(unlogged > 0 ? { unlogged } : {}),
    });
  }

  private takeDown(name: string): void {
    const { supervisor, config, runners } = this.host;
    const error = new AppError('APP_FAULTS', { name, count: config.faults.max + 1 });
    supervisor.logger.error(error.message, { module: 'app-supervisor', code: error.code });
    const failed = (failure: unknown) =>
      supervisor.logger.error(`application "${name}" was not taken down`, { error: String(failure) });
    runners.get(name)?.takeDown(error).catch(failed);
  }
}

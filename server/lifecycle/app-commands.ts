import type { Application, AppSupervisor } from '@nocobase/server';
import { AppError } from '../../src/errors';
import type { AppRunner } from './app-runner';
import { explainBootError } from './boot';
import { gateCommands, type CommandGate } from './own-commands';

export interface AppCommandsHost {
  readonly supervisor: AppSupervisor;
  readonly config: { readonly drainTimeoutMs: number };
  runner(name: string): AppRunner | undefined;
}

/**
 * Treats the commands that a sub-application executes by itself like an operator's Restart: requests in flight are over
 * before the command begins, and requests that arrive wait. An instance that a command leaves broken is taken down, so
 * that the application comes back by itself. Called once with each constructed instance.
 */
export function gateAppCommands(app: Application, host: AppCommandsHost): void {
  const { name } = app;
  gateCommands(app, () => {
    const runner = host.runner(name);
    // An instance that starts, or ends, has its requests held already.
    if (runner?.state !== 'running' || host.supervisor.apps[name] !== app) return undefined;
    return gateOf(app, runner, host);
  });
}

function gateOf({ name }: Application, { flight }: AppRunner, host: AppCommandsHost): CommandGate {
  return {
    hold: flight.hold,
    run: (command) => {
      const late = new AppError('APP_WAIT_TIMEOUT', { name });
      const work = () => command().finally(() => takeDownBroken(name, host));
      return flight.runCommand(work, host.config.drainTimeoutMs, late);
    },
  };
}

/** NocoBase would refuse each request from now on, with the words of the error. */
function takeDownBroken(name: string, host: AppCommandsHost): void {
  const { supervisor } = host;
  if (supervisor.appStatus[name] !== 'error') return;
  const failure = explainBootError(supervisor.appErrors[name], name, 'run');
  const report = (error: unknown) =>
    supervisor.logger.warn(`application "${name}" was not taken down: ${String(error)}`);
  host.runner(name)?.takeDown(failure).catch(report);
}

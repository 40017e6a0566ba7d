import type { Application } from '@nocobase/server';
import type { CommandHold } from './command-hold';

/** Lets a command of an application run while no request is in it. */
export interface CommandGate {
  readonly hold: CommandHold;
  /** Runs the command once the requests in flight are over; requests that arrive wait until it has ended. */
  run<T>(command: () => Promise<T>): Promise<T>;
}

type Method = (...args: unknown[]) => Promise<unknown>;

/** As much of an instance as its commands go through. */
interface Commands {
  /** Set while a command runs. NocoBase ignores further ones. */
  readonly activatedCommand?: unknown;
  runAsCLI: Method;
  restart: Method;
  reload: Method;
}

const gated = new WeakSet<Application>();

/**
 * Lets the commands of an instance (`app:restart`, a plugin enabled or disabled, an upgrade) pass a gate. NocoBase refuses
 * requests with 503 and the name of a step while a command runs, and a reload closes the database under those in flight.
 * Reloads that plugins cause without a command pass it as well. May be repeated.
 * @param gateOf the gate; undefined while no request reaches the instance, e.g. while it starts
 */
export function gateCommands(app: Application, gateOf: () => CommandGate | undefined): void {
  if (gated.has(app)) return;
  gated.add(app);
  const instance = app as unknown as Commands;
  const runAsCLI = instance.runAsCLI.bind(app);
  instance.runAsCLI = (...args) => {
    const gate = gateOf();
    // NocoBase decides what becomes of a command that is given during another one.
    if (!gate || instance.activatedCommand || (gate.hold.ended && !gate.hold.isDraining)) return runAsCLI(...args);
    // The same decision for a command that has not begun yet.
    if (gate.hold.isDraining) return Promise.resolve(undefined);
    return gate.run(() => runAsCLI(...args));
  };
  for (const name of ['restart', 'reload'] as const) {
    const method = instance[name].bind(app);
    instance[name] = async (...args) => {
      const gate = gateOf();
      if (gate && !gate.hold.ended) return gate.run(() => method(...args));
      await gate?.hold.drained;
      return method(...args);
    };
  }
}

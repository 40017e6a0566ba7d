import { AsyncLocalStorage } from 'node:async_hooks';
import type { Application } from '@nocobase/server';
import { AppError } from '../src/errors';
import {
  CONFIRM_OPTION,
  CONFIRM_PARAMETER,
  isConfirmed,
  isRestore,
  replacesMain,
  type RestoreCommand,
} from '../src/policies/main-restore';
import { wasEnabled } from './enabled-mark';
import { guardBackups } from './nocobase/backups';
import { onCommand } from './nocobase/commands';
import { foreignSchemas } from './nocobase/main-schemas';
import { addResourceMiddleware } from './nocobase/resource-middlewares';

interface RestoreContext {
  action?: {
    resourceName?: string;
    actionName?: string;
    params?: Record<string, unknown> & { values?: Record<string, unknown> };
  };
}

/** Set while an action that was confirmed runs: NocoBase restores by a command in the same process. */
const confirmed = new AsyncLocalStorage<true>();

const COMMAND = 'restore';

/** @throws APP_RESTORE_DROPS_APPLICATIONS */
function refuse(names: readonly string[]): void {
  if (names.length === 0) return;
  const confirmation = `${CONFIRM_PARAMETER}=true (${CONFIRM_OPTION})`;
  throw new AppError('APP_RESTORE_DROPS_APPLICATIONS', { names: names.join(', '), confirmation });
}

/**
 * Refuses to restore a backup of the main application over applications that lie in its database.
 * @param named the applications that the process knows there; others are found by their tables
 */
export function limitRestores(app: Application, named: () => string[]): void {
  const restore = async ({ action }: RestoreContext, next: () => Promise<void>) => {
    const { params = {} } = action ?? {};
    guardBackups(app);
    const given = params[CONFIRM_PARAMETER] ?? params.values?.[CONFIRM_PARAMETER];
    if (isConfirmed(given)) return confirmed.run(true, next);
    const known = named();
    refuse(known.length > 0 ? known : await foreignSchemas(app.db));
    return next();
  };
  addResourceMiddleware(app, 'admitted', (ctx: RestoreContext, next) =>
    isRestore(ctx.action?.resourceName, ctx.action?.actionName) ? restore(ctx, next) : next(),
  );
}

/** The same for the command `restore`, in the process of NocoBase and in that of the command. Called once a process. */
export function limitRestoreCommand(): void {
  onCommand(COMMAND, async (app: Application, command: RestoreCommand) => {
    guardBackups(app);
    if (app.name !== 'main' || confirmed.getStore() || !wasEnabled()) return;
    if (!replacesMain(command, String(app.db.options.database))) return;
    try {
      refuse(await foreignSchemas(app.db));
    } catch (error) {
      showInTerminal(error);
      throw error;
    }
  });
}

/** NocoBase writes the error of a command to a log only, and ends with 0. */
function showInTerminal(error: unknown): void {
  if (process.argv[2] !== COMMAND) return;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

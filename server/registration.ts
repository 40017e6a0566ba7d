import type { Application } from '@nocobase/server';
import { AppError } from '../src/errors';
import { actorOf, type CallerState } from './actor';
import type { AppService } from './app-service';
import type { Registrar, RowModel, WriteContext } from './registrar';
import { COLLECTION } from './registry';

interface Transaction {
  afterCommit(callback: () => unknown): void;
  rollback(): Promise<void>;
}

interface WriteOptions {
  transaction?: Transaction;
  context?: Pick<WriteContext, 'cloneOf' | 'imported'> & {
    waitSubAppInstall?: boolean;
    state?: CallerState;
  };
}

/** On whose behalf, and with what. */
function writeContext({ context, transaction }: WriteOptions): WriteContext {
  const { cloneOf, imported, state } = context ?? {};
  const currentUser = state?.currentUser as WriteContext['currentUser'];
  return { currentUser, by: actorOf(state), cloneOf, imported, transaction };
}

/**
 * Runs when the write is visible to others: after its transaction, whose end waits for what it returns, or at once
 * without one.
 */
function afterCommit(options: WriteOptions, callback: () => unknown): unknown {
  if (!options.transaction) return callback();
  return options.transaction.afterCommit(callback);
}

/** Sequelize tells of the one end of a transaction only. */
function afterRollback({ transaction }: WriteOptions, callback: () => void | Promise<void>): void {
  if (!transaction) return;
  const rollback = transaction.rollback.bind(transaction);
  transaction.rollback = async () => {
    try {
      await rollback();
    } finally {
      await callback();
    }
  };
}

/** Another process manages the applications: a row that changed here would be unknown there. */
function assertLeader(service: AppService): void {
  if (service.phase === 'standby') throw new AppError('APP_SUPERVISOR_STANDBY');
}

/**
 * Ties the collection `applications` to the service, so that a row written through the repository is checked, made,
 * changed and removed exactly as one written over REST. `context.waitSubAppInstall` makes a creation wait until the
 * application is ready, as multi-app-manager does.
 */
export function bindCollection(app: Application, service: AppService, registrar: Registrar): void {
  const { db } = app;

  db.on(`${COLLECTION}.beforeCreate`, async (row: RowModel, options: WriteOptions) => {
    assertLeader(service);
    if (!service.active) return;
    const release = await registrar.prepareCreate(row, writeContext(options));
    if (!options.transaction) return release();
    afterRollback(options, release);
    // What else happens after the commit registers it first.
    afterCommit(options, () => void setImmediate(release));
  });

  db.on(`${COLLECTION}.afterCreateWithAssociations`, async (row: RowModel, options: WriteOptions) => {
    if (!service.active) return;
    const name = String(row.get('name'));
    if (!options.context?.waitSubAppInstall) {
      afterCommit(options, () => {
        registrar.register(row, writeContext(options)).catch(() => undefined);
      });
      return;
    }
    service.rows.creations.set(name, options.transaction);
    try {
      await registrar.register(row, writeContext(options));
      // It is ready, and yet whoever writes after us in the same transaction may fail.
      afterRollback(options, () => registrar.unregister(name));
    } catch (error) {
      await registrar.unregister(name);
      throw error;
    } finally {
      service.rows.creations.delete(name);
    }
  });

  db.on(`${COLLECTION}.beforeUpdate`, async (row: RowModel) => {
    assertLeader(service);
    if (!service.active) return;
    await registrar.checkPlugins(row);
    registrar.prepareUpdate(row, row.get('name'));
  });

  db.on(`${COLLECTION}.afterUpdate`, (row: RowModel, options: WriteOptions) => {
    if (service.active) afterCommit(options, () => registrar.refresh(row, writeContext(options)));
  });

  db.on(`${COLLECTION}.beforeDestroy`, () => assertLeader(service));

  db.on(`${COLLECTION}.afterDestroy`, async (row: RowModel, options: WriteOptions) => {
    if (service.active) await afterCommit(options, () => service.forget(String(row.get('name'))));
  });
}

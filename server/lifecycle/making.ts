import type { Application } from '@nocobase/server';
import type { AppRecord } from '../../src/app-record';
import { connect, construct, installTables, makeOwn, type BootContext } from './boot';
import { emptyIssued, setAdministrator } from './administrator';
import type { ContextOf } from './boot-attempts';
import { copyKey } from './field-key';
import { setSystemSettings } from './first-contents';
import { discard } from './instance-end';
import { markContents } from './own-database';
import { nameOwnFiles } from './own-files';
import { ownUploads, takeAnew, unlinkOthers } from './upload-folders';
import { reachOf } from './upload-reach';

/**
 * Gives a new application the data of the one that it is a clone of; nothing to do for any other. Outside the boot
 * queue: the other application may need a place in it to come to an end. May be repeated after any failure.
 */
export async function copyApplication(contextOf: ContextOf, known: AppRecord): Promise<void> {
  const source = known.provisioning?.cloneOf;
  if (source === undefined) return;
  const context = await withRole(contextOf, known);
  const { onStep, record, copies, note, whileDown, assertCurrent } = context;
  if (await copies.isInstalled(record)) return;
  await note({ step: 'tables', from: 'application' });
  await whileDown(source, async (original) => {
    // Ends what was given up while it waited for its turn.
    onStep('copy');
    // First: where the database is there, everything is.
    await copyKey(original.name, record.name);
    const own = ownUploads(record);
    if (own)
      await takeAnew(own, { ...(await copies.filesOf(original)), reach: await reachOf(original) }, assertCurrent);
    await copies.fromApplication(original, record, assertCurrent);
  });
}

/**
 * Makes an application: its database with its tables, and what is its own in them. May be repeated after any failure:
 * how far a former attempt came is asked of the database itself.
 * @returns a connected instance into which nothing is loaded, to go on with
 */
export async function makeApplication(contextOf: ContextOf, known: AppRecord): Promise<Application> {
  // A clone has got its role before its data.
  const isClone = known.provisioning?.cloneOf !== undefined;
  const context = isClone ? contextOf(known) : await withRole(contextOf, known);
  const { record, copies, onStep, note, assertCurrent } = context;
  if (isClone) return withInstance(context, (app) => makeCloneOwn(app, context));
  if (!copies.usesTemplates(record)) {
    await install(context);
    return withInstance(context, (app) => finish(app, context, { copied: false, filesShared: false }));
  }
  onStep('copy');
  const there = await copies.isInstalled(record);
  if (!there) await note({ step: 'tables', from: 'template' });
  const copied = there ? record.provisioning?.from === 'template' : await copies.fromTemplate(record, assertCurrent);
  if (!there && !copied) {
    await install(context);
    // Before anything of this application's own is in it.
    onStep('template');
    await copies.leaveTemplate(record);
  }
  return withInstance(context, (app) => finish(app, context, { copied, filesShared: true }));
}

/** The context of the following steps: the application's own database role is decided before anything else. */
async function withRole(contextOf: ContextOf, known: AppRecord): Promise<BootContext> {
  const { roles, onStep, assertCurrent } = contextOf(known);
  onStep('role');
  const record = await roles.assign(known);
  assertCurrent();
  return contextOf(record);
}

async function install(context: BootContext): Promise<void> {
  const { supervisor, record, onStep, note, mainApp } = context;
  await note({ step: 'tables', from: 'install' });
  const app = await construct(context);
  try {
    onStep('database');
    await supervisor.createDatabase({ app, appOptions: record.options, transaction: undefined });
    await connect(app, context);
    await installTables(app, context);
    mainApp.log.info(`application "${record.name}" is installed`, { module: 'app-supervisor' });
  } finally {
    await discard(supervisor, app);
  }
}

async function finish(app: Application, context: BootContext, from: Parameters<typeof makeOwn>[2]): Promise<void> {
  await context.note({ step: 'administrator' });
  await makeOwn(app, context, from);
}

/** A clone keeps the users of its original, and nothing by which anybody is signed in there; its files are its own. */
async function makeCloneOwn(app: Application, context: BootContext): Promise<void> {
  const { record, secrets, onStep, note, assertCurrent } = context;
  onStep('administrator');
  await note({ step: 'administrator' });
  await markContents(app, record.provisioning?.contentToken);
  await emptyIssued(app);
  if (secrets.admin) await setAdministrator(app, secrets.admin);
  await nameOwnFiles(app, record);
  // Without a name of its own, a clone keeps the title of its original.
  await setSystemSettings(app, { title: record.displayName });
  // The original is back by now: its visitors do not wait for what may be gigabytes.
  const own = ownUploads(record);
  if (own) await unlinkOthers(own, assertCurrent);
}

/** Does the work in a connected instance into which nothing is loaded, and leaves it there. */
async function withInstance(context: BootContext, work: (app: Application) => Promise<void>): Promise<Application> {
  const app = await construct(context);
  try {
    await connect(app, context);
    await work(app);
    return app;
  } catch (error) {
    await discard(context.supervisor, app);
    throw error;
  }
}

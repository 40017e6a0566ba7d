import type { Application, AppSupervisor } from '@nocobase/server';
import { isMade, type AppRecord, type Provisioning } from '../../src/app-record';
import { AppError, isAppError } from '../../src/errors';
import { phrase, type Reason } from '../../src/phrase';
import type { AppSecrets } from '../databases/secrets';
import type { AppRoles } from '../databases/app-roles';
import type { DatabaseCopies } from '../databases/copies';
import { isDiskFull } from '../databases/error-chain';
import type { DatabaseProvisioner } from '../databases/provisioner';
import type { UpgradeVerdict } from '../../src/policies/upgrade-plan';
import { setAdministrator } from './administrator';
import { renewTimes, setSystemSettings } from './first-contents';
import { assertBegunHere, checkDatabase, markContents } from './own-database';
import { separateFiles } from './own-files';
import { pauseBetweenPlugins, yieldToOthers } from './boot-turns';
import { withDeadline } from './deadline';
import { discard } from './instance-end';
import { instanceOptionsOf } from './row-options';
import type { AppVersions } from './versions';

/**
 * The steps of a boot and of a making, in order, and `run` of one that was up; an error names the one in which it
 * happened.
 */
export type BootStep =
  | 'queue'
  | 'construct'
  | 'role'
  | 'copy'
  | 'database'
  | 'connect'
  | 'check'
  | 'install'
  | 'template'
  | 'administrator'
  | 'upgrade'
  | 'load'
  | 'start'
  | 'run';

export interface BootContext {
  supervisor: AppSupervisor;
  mainApp: Application;
  /** The main application's own first account, for an application that was given no administrator. */
  ownersAccount: () => Promise<AppSecrets['admin']>;
  provisioner: DatabaseProvisioner;
  copies: DatabaseCopies;
  roles: AppRoles;
  record: AppRecord;
  secrets: AppSecrets;
  /** How long it may wait for a database connection. */
  connectionTimeoutMs: number;
  versions: AppVersions;
  /** Remembers in the row how far its making has come. */
  note: (progress: Partial<Provisioning>) => Promise<void>;
  /** Takes another application down for as long as the work takes; see `AppRunner.whileDown`. */
  whileDown: <T>(name: string, work: (record: AppRecord) => Promise<T>) => Promise<T>;
  /** @throws APP_BOOT_TIMEOUT when this attempt was given up, and goes on all the same */
  assertCurrent: () => void;
  /** Told before each step; asks `assertCurrent`. */
  onStep: (step: BootStep) => void;
  /** Called with each constructed instance before anything is loaded into it, or connected. */
  prepare: (app: Application) => void;
}

/** For connecting itself, once there is a connection to be had. */
const CONNECT_DEADLINE_MS = 15_000;

/**
 * Resolves to the constructed, registered and not yet loaded instance.
 * @throws APP_OPTION_UNSUPPORTED, APP_INSTANCE_MISMATCH; then nothing of the instance is left
 */
export async function construct(context: BootContext): Promise<Application> {
  const { supervisor, mainApp, record, secrets, onStep, prepare } = context;
  onStep('construct');
  const app = supervisor.registerApp({
    // The core merges them over what our factory makes, so that nothing else may stand in them.
    appModel: { name: record.name, options: instanceOptionsOf(record, secrets) },
    mainApp,
    // The core's own messages would make every node boot and stop the application along with this one.
    hook: false,
  });
  // As many as the core allows the main application: every plugin listens to a few events.
  app.setMaxListeners(50);
  pauseBetweenPlugins(app);
  try {
    prepare(app);
  } catch (error) {
    await discard(supervisor, app);
    throw error;
  }
  return app;
}

/** The core's own authentication, with one attempt: it would retry silently for two and a half minutes. */
export async function connect(app: Application, context: BootContext): Promise<void> {
  const { record, provisioner, roles, onStep, connectionTimeoutMs } = context;
  onStep('connect');
  await roles.fit(record);
  const { db } = app;
  // The core creates the schema at each connect; that of a provisioned application is there, or is missing.
  if (isMade(record) && db.inDialect('postgres')) db.prepare = () => Promise.resolve();
  const authenticate = db.auth.bind(db);
  db.auth = (options) => authenticate({ ...options, retry: 1 });
  try {
    const attempt = app.authenticate();
    await withDeadline(
      attempt,
      connectionTimeoutMs + CONNECT_DEADLINE_MS,
      () => new AppError('APP_DATABASE_UNREACHABLE', { reason: 'timeout' }),
    );
  } catch (error) {
    throw provisioner.explain(error, record) ?? error;
  }
}

/**
 * Brings an installed application up by the shortest path: no installation, no migration when its stored versions are
 * those of this process. An application that is behind is upgraded first, in an instance of its own: what was loaded
 * before is stale afterwards. Nothing is ever installed here.
 * @param connected an instance to go on with, into which nothing is loaded yet
 * @throws APP_DATABASE_MISSING, APP_DATABASE_EMPTY, APP_DATABASE_FOREIGN, APP_VERSION_NEWER
 */
export async function bootApplication(context: BootContext, connected?: Application): Promise<Application> {
  const { supervisor, onStep } = context;
  const app = connected ?? (await construct(context));
  try {
    if (!connected) await connect(app, context);
    onStep('check');
    const verdict = await checkDatabase(app, context);
    if (verdict.state === 'behind') {
      await upgrade(app, context);
      await discard(supervisor, app);
      return await bootApplication(context);
    }
    onStep('load');
    await yieldToOthers();
    await app.load();
    await yieldToOthers();
    onStep('start');
    await app.start();
    return app;
  } catch (error) {
    await discard(supervisor, app);
    throw error;
  }
}

/**
 * Upgrades the database of an application in an instance of its own, of which nothing is left; whatever was not there
 * to upgrade stays untouched. May be repeated after any interruption.
 * @returns what was found before
 * @throws APP_VERSION_NEWER
 */
export async function upgradeApplication(context: BootContext, force: boolean): Promise<UpgradeVerdict> {
  const { supervisor, onStep } = context;
  const app = await construct(context);
  try {
    await connect(app, context);
    onStep('check');
    const verdict = await checkDatabase(app, context);
    if (verdict.state === 'behind' || (force && verdict.state === 'current')) await upgrade(app, context);
    return verdict;
  } finally {
    await discard(supervisor, app);
  }
}

async function upgrade(app: Application, { onStep, versions, mainApp }: BootContext): Promise<void> {
  onStep('upgrade');
  const { SKIP_SAME_VERSION_UPGRADE: skip } = process.env;
  const version = app.getPackageVersion();
  // By that variable the core returns at once when its own version is unchanged, though a plugin's is not. What it
  // stores at the end is read elsewhere.
  if (skip === 'true') app.getPackageVersion = () => `${version}+complete`;
  await app.runCommandThrowError('upgrade');
  await versions.confirm(app);
  mainApp.log.info(`application "${app.name}" is upgraded`, { module: 'app-supervisor' });
}

/** May be repeated. */
export async function installTables(app: Application, { onStep, record, provisioner }: BootContext): Promise<void> {
  onStep('install');
  // The version is the last thing that an installation writes: without it, a former attempt was cut off.
  const cutOff = (await app.isInstalled()) && !(await app.version.get());
  const ours = record.provisioning?.ownershipToken && !record.provisioning.readyAt;
  if (!ours) await assertBegunHere(app, record, provisioner.databaseOf(record));
  // Does nothing where a former attempt got to its end; begins anew only in a database that we made and nobody used.
  const anew = cutOff && ours && !(await provisioner.clear(record));
  await app.runCommandThrowError('install', ...(anew ? ['--force'] : []));
}

/**
 * What no two applications have in common is written into the tables of one that nobody has used yet.
 * @param from whether its tables are a copy of others, and whether its files may be somebody else's as well
 */
export async function makeOwn(
  app: Application,
  context: BootContext,
  { copied, filesShared }: { copied: boolean; filesShared: boolean },
): Promise<void> {
  const { secrets, onStep, ownersAccount, record } = context;
  onStep('administrator');
  await markContents(app, record.provisioning?.contentToken);
  if (copied) await renewTimes(app);
  await setAdministrator(app, secrets.admin ?? (await ownersAccount()));
  await setSystemSettings(app, { title: record.displayName ?? record.name, language: record.options.lang });
  await separateFiles(app, record, filesShared);
}

/** What went wrong in a boot as one of our errors; a stack or a driver's message never reaches a caller. */
export function explainBootError(error: unknown, name: string, step: BootStep): AppError {
  if (isAppError(error)) return error;
  // Whatever statement of NocoBase or of a plugin it was that found no room.
  if (isDiskFull(error)) return new AppError('APP_DATABASE_FULL', {}, error);
  return new AppError('APP_BOOT_FAILED', { name, step, reason: publicReason(error) }, error);
}

function publicReason(error: unknown): Reason {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  const kind = typeof name === 'string' && name !== 'Error' ? name : undefined;
  if (typeof code === 'string' && /^[\w-]{1,40}$/.test(code)) {
    return kind ? `${kind} ${code}` : phrase('an error in the application ({code})', { code });
  }
  return kind ? phrase('{error}; see the log', { error: kind }) : 'an error in the application; see the log';
}

/** For the log, where a stack may stand. */
export function describeForLog(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ''}` : String(error);
}

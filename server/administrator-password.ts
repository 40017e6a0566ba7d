import { randomBytes } from 'node:crypto';
import type { Filter } from '@nocobase/database';
import type { Application, AppSupervisor } from '@nocobase/server';
import { AppError } from '../src/errors';
import type { Actor, AppEvent } from '../src/events';
import { phrase, type Reason } from '../src/phrase';
import { absence } from './absence';
import { hashPassword } from './lifecycle/administrator';
import type { AppRunner } from './lifecycle/app-runner';
import { withDeadline } from './lifecycle/deadline';
import type { FaultFence } from './lifecycle/fault-fence';
import type { Registry } from './registry';

/** The roles of NocoBase that may do everything in their application. */
const ADMINISTRATORS = ['root', 'admin'];
const MAX_TEXT = 255;
/** Of a password that is generated: 96 random bits. */
const PASSWORD_BYTES = 12;
const WRITE_DEADLINE_MS = 30_000;

type PasswordHost = Parameters<typeof absence>[0] & {
  registry: Registry;
  supervisor: Pick<AppSupervisor, 'apps'>;
  fence: Pick<FaultFence, 'within'>;
  runner(name: string): AppRunner | undefined;
  tell(event: AppEvent): void;
};

/** The account and the password to set; by default the first administrator, and a generated password. */
export interface PasswordRequest {
  /** A user name or an e-mail address. */
  account?: unknown;
  password?: unknown;
}

export interface ChangedPassword {
  id: string | number;
  username: string | null;
  email: string | null;
  /** A generated password, told once; null if the caller gave one. */
  password: string | null;
}

interface User {
  id: string | number;
  username?: string | null;
  email?: string | null;
}

const invalid = (field: keyof PasswordRequest, reason: Reason) => new AppError('APP_VALUE_INVALID', { field, reason });

function textOf(value: unknown, field: keyof PasswordRequest): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= MAX_TEXT && !/\p{Cc}/u.test(value)) return value;
  throw invalid(field, phrase('give a text of at most {limit} characters, in one line', { limit: MAX_TEXT }));
}

async function findAdministrator({ db }: Application, account: string | undefined): Promise<User> {
  if (!db.hasCollection('users')) throw invalid('account', 'the application has no users');
  const users = db.getRepository('users');
  const named = account === undefined ? [] : [{ $or: [{ username: { $eq: account } }, { email: { $eq: account } }] }];
  const find = async (...conditions: Filter[]) => {
    const options = { filter: { $and: conditions }, fields: ['id', 'username', 'email'], sort: ['id'], limit: 2 };
    return ((await users.find(options)) as { toJSON(): User }[]).map((row) => row.toJSON());
  };
  // Without the plugin `acl`, users have no roles.
  const hasRoles = db.getCollection('users').hasField('roles');
  const [user, another] = hasRoles ? await find({ 'roles.name': { $in: ADMINISTRATORS } }, ...named) : [];
  if (user && another && account !== undefined) throw invalid('account', 'more than one administrator has this name');
  if (user) return user;
  if (account === undefined) throw invalid('account', 'the application has no administrator');
  const [other] = await find(...named);
  throw invalid('account', other ? 'this account is no administrator of the application' : 'there is no such account');
}

/**
 * Writes past the hooks and rules of the application: none of its workflows runs, and no message of its rules repeats the
 * password. What NocoBase's own hook does, is done here: sessions that began before are refused.
 * @param isLate returns true after the deadline of the request; then the transaction is rolled back
 */
async function writePassword(instance: Application, id: User['id'], password: string, isLate: () => boolean) {
  const { model } = instance.db.getCollection('users');
  const changes = {
    password: await hashPassword(instance, password),
    passwordChangeTz: Date.now(),
    // A link to set another password, which was sent before.
    resetToken: null,
    updatedAt: new Date(),
  };
  const known = Object.entries(changes).filter(([field]) => field in model.getAttributes());
  await instance.db.sequelize.transaction(async (transaction) => {
    const where = { [model.primaryKeyAttribute]: id };
    await model.update(Object.fromEntries(known), { where, hooks: false, validate: false, transaction });
    if (isLate()) throw noAnswer();
  });
  await instance.emitAsync('cache:del:roles', { userId: id });
  await instance.emitAsync('cache:del:auth', { userId: id });
  // Where NocoBase keeps users that are signed in; its own event empties another cache.
  await instance.cache?.del(`auth:${id}`);
}

const noAnswer = () => new AppError('APP_DATABASE_UNREACHABLE', { reason: 'no answer' });

/**
 * Sets the password of an administrator of an application. An application that sleeps or failed is booted, one in quarantine
 * is started again. NocoBase ends the sessions of the account.
 * @throws APP_NOT_FOUND, APP_STOPPED, APP_VALUE_INVALID, the errors of a boot, APP_DATABASE_UNREACHABLE after 30 s
 */
export async function resetPassword(
  host: PasswordHost,
  name: string,
  request: PasswordRequest,
  by: Actor,
): Promise<ChangedPassword> {
  const account = textOf(request.account, 'account');
  const given = textOf(request.password, 'password');
  const generated = given === undefined ? randomBytes(PASSWORD_BYTES).toString('base64url') : null;
  const runner = host.runner(name);
  if (!runner) throw absence(host, name);
  const stopped = new AppError('APP_STOPPED', { name });
  if (host.registry.get(name)?.stoppedAt || runner.state === 'stopped') throw stopped;
  await runner.start(by);
  const release = runner.lease(false);
  try {
    const instance = host.supervisor.apps[name];
    if (!instance) throw stopped;
    let late = false;
    const work = async () => {
      const user = await findAdministrator(instance, account);
      await writePassword(instance, user.id, given ?? generated ?? '', () => late);
      const { id, username = null, email = null } = user;
      const message = username ?? email ?? `#${id}`;
      host.tell({ application: name, type: 'password-reset', at: Date.now(), by, message });
      return { id, username, email, password: generated };
    };
    // As work of the application: its limits and its fault fence hold for what it sets off.
    return await withDeadline(host.fence.within(name, work), WRITE_DEADLINE_MS, () => {
      late = true;
      return noAnswer();
    });
  } finally {
    release();
  }
}

import { randomBytes } from 'node:crypto';
import type { Filter } from '@nocobase/database';
import type { Application, AppSupervisor } from '@nocobase/server';
import { AppError } from '../src/errors';
import type { Actor, AppEvent } from '../src/events';
import { phrase, type Reason } from '../src/phrase';
import { absence } from './absence';
import type { AppRunner } from './lifecycle/app-runner';
import { withDeadline } from './lifecycle/deadline';
import type { Registry } from './registry';

/** The roles of NocoBase that may do everything in their application. */
const ADMINISTRATORS = ['root', 'admin'];
const MAX_PASSWORD = 255;
/** Of a password that is generated: 96 random bits. */
const PASSWORD_BYTES = 12;
const WRITE_DEADLINE_MS = 30_000;

type PasswordHost = Parameters<typeof absence>[0] & {
  registry: Registry;
  supervisor: Pick<AppSupervisor, 'apps'>;
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
  username: string | null;
  email: string | null;
  /** The new password, told once. */
  password: string;
}

interface User {
  id: string | number;
  username?: string | null;
  email?: string | null;
  roles?: { name: string }[];
}

const invalid = (field: keyof PasswordRequest, reason: Reason) => new AppError('APP_VALUE_INVALID', { field, reason });

function textOf(value: unknown, field: keyof PasswordRequest): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= MAX_PASSWORD && !/\p{Cc}/u.test(value)) return value;
  throw invalid(field, phrase('give a text of at most {limit} characters', { limit: MAX_PASSWORD }));
}

async function findAdministrator(instance: Application, account: string | undefined): Promise<User> {
  if (!instance.db.hasCollection('users')) throw invalid('account', 'the application has no users');
  const filter: Filter =
    account === undefined
      ? { 'roles.name': { $in: ADMINISTRATORS } }
      : { $or: [{ username: { $eq: account } }, { email: { $eq: account } }] };
  const options = { filter, fields: ['id', 'username', 'email'], appends: ['roles'], sort: ['id'] };
  const row = (await instance.db.getRepository('users').findOne(options)) as { toJSON(): User } | null;
  if (!row) {
    throw invalid(
      'account',
      account === undefined ? 'the application has no administrator' : 'there is no such account',
    );
  }
  const user = row.toJSON();
  if (user.roles?.some(({ name }) => ADMINISTRATORS.includes(name))) return user;
  throw invalid('account', 'this account is no administrator of the application');
}

/**
 * Sets the password of an administrator of an application. A sleeping application is booted. NocoBase ends the sessions that
 * the account has.
 * @throws APP_NOT_FOUND, APP_STOPPED, APP_VALUE_INVALID, what its boot throws, APP_DATABASE_UNREACHABLE after 30 s
 */
export async function resetPassword(
  host: PasswordHost,
  name: string,
  request: PasswordRequest,
  by: Actor,
): Promise<ChangedPassword> {
  const account = textOf(request.account, 'account');
  const password = textOf(request.password, 'password') ?? randomBytes(PASSWORD_BYTES).toString('base64url');
  const runner = host.runner(name);
  if (!runner) throw absence(host, name);
  if (host.registry.get(name)?.stoppedAt) throw new AppError('APP_STOPPED', { name });
  await runner.start(by);
  const instance = host.supervisor.apps[name];
  if (!instance) throw new AppError('APP_STOPPED', { name });
  const work = async () => {
    const user = await findAdministrator(instance, account);
    await instance.db.getRepository('users').update({ filterByTk: user.id, values: { password } });
    return user;
  };
  const { username = null, email = null } = await withDeadline(
    work(),
    WRITE_DEADLINE_MS,
    () => new AppError('APP_DATABASE_UNREACHABLE', { reason: 'no answer' }),
  );
  const message = username ?? email ?? '';
  host.tell({ application: name, type: 'password-reset', at: Date.now(), by, message });
  return { username, email, password };
}

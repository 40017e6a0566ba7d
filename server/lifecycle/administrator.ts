import type { Application } from '@nocobase/server';
import type { AppSecrets } from '../databases/secrets';
import { generateSecret } from '../databases/secrets';

type PasswordHasher = { hash(password: string): Promise<string> };

/** Hashes a password as NocoBase's users collection does. */
export async function hashPassword(app: Application, password: string): Promise<string> {
  const field = app.db.getCollection('users')?.getField('password') as unknown as PasswordHasher | undefined;
  if (!field) throw new Error('this application has no users');
  return field.hash(password);
}

/**
 * Gives a freshly installed application its first administrator. The installation of NocoBase makes that user with
 * the address and the well-known password of the environment's `INIT_ROOT_*`; this replaces them before the
 * application answers its first request. Without an administrator to set, the password becomes a random one.
 */
export async function setAdministrator(app: Application, admin: AppSecrets['admin']): Promise<void> {
  const users = app.db.getCollection('users');
  if (!users) return;
  const first = (await users.model.findOne({ order: [[users.model.primaryKeyAttribute, 'ASC']] })) as {
    get(key: string): unknown;
  } | null;
  if (!first) return;
  const values = admin
    ? { email: admin.email, username: admin.username, nickname: admin.nickname, password: admin.passwordHash }
    : { password: await hashPassword(app, generateSecret()) };
  const key = users.model.primaryKeyAttribute;
  // Hooks off: they would hash the hash.
  await users.model.update(values, { where: { [key]: first.get(key) as number }, hooks: false });
}

/** The account whose address and password hash a new application's administrator gets when the caller names none. */
export async function readAccount(app: Application, userId: unknown): Promise<AppSecrets['admin']> {
  const users = app.db.getCollection('users');
  if (!users) return undefined;
  const model = users.model;
  const row = (
    userId === undefined || userId === null
      ? await model.findOne({ order: [[model.primaryKeyAttribute, 'ASC']], raw: true })
      : await model.findByPk(userId as number, { raw: true })
  ) as Record<string, unknown> | null;
  if (!row || typeof row.password !== 'string' || row.password === '') return undefined;
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
  return {
    email: text(row.email),
    username: text(row.username),
    nickname: text(row.nickname),
    passwordHash: row.password,
  };
}

import type { Application } from '@nocobase/server';
import type { AppSecrets } from '../databases/secrets';
import { generateSecret } from '../databases/secrets';
import { RawTables } from './raw-tables';

type PasswordHasher = { hash(password: string): Promise<string> };

/** Hashes a password as NocoBase's users collection does. */
export async function hashPassword(app: Application, password: string): Promise<string> {
  const field = app.db.getCollection('users')?.getField('password') as unknown as PasswordHasher | undefined;
  if (!field) throw new Error('this application has no users');
  return field.hash(password);
}

/**
 * Gives an application that nobody has used yet its first administrator. The installation of NocoBase makes that user
 * with the address and the well-known password of the environment's `INIT_ROOT_*`; this replaces them before the
 * application answers its first request. Without an administrator to set, nobody knows the password.
 */
export async function setAdministrator(app: Application, admin: AppSecrets['admin']): Promise<void> {
  const tables = new RawTables(app.db);
  if (!(await tables.has('users'))) return;
  const [first] = await tables.rows('users', ['id']);
  if (!first) return;
  const values = admin
    ? { email: admin.email, username: admin.username, nickname: admin.nickname, password: admin.passwordHash }
    : { password: generateSecret() };
  await tables.update('users', { ...values, updatedAt: new Date() }, { id: first.id });
}

/** What lets somebody in who was let in elsewhere. */
const ISSUED = ['issuedTokens', 'tokenBlacklist', 'apiKeys', 'otpRecords'];

/** Nobody is signed in to a copy, and no key of the original opens it. */
export async function emptyIssued(app: Application): Promise<void> {
  const tables = new RawTables(app.db);
  for (const collection of ISSUED) await tables.empty(collection);
  if (await tables.has('users')) await tables.update('users', { resetToken: null }, {});
}

/** The account whose address and password hash a new application's administrator gets when the caller names none. */
export async function readAccount(
  app: Application,
  userId: unknown,
  transaction?: unknown,
): Promise<AppSecrets['admin']> {
  const users = app.db.getCollection('users');
  if (!users) return undefined;
  const model = users.model;
  const row = (
    userId === undefined || userId === null
      ? await model.findOne({
          order: [[model.primaryKeyAttribute, 'ASC']],
          raw: true,
          transaction: transaction as never,
        })
      : await model.findByPk(userId as number, { raw: true, transaction: transaction as never })
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

import type { AppOptions } from '../src/app-options';
import { completeDatabaseOptions } from '../src/database-options';
import { isPlainObject } from '../src/plain-object';
import type { AppSecrets } from './databases/secrets';

/** The `authManager` options of an instance, with the application's own secret; never the caller's object. */
export function withJwtSecret(authManager: unknown, secret: string): Record<string, unknown> {
  const given = isPlainObject(authManager) ? authManager : {};
  const jwt = isPlainObject(given.jwt) ? given.jwt : {};
  return { ...given, jwt: { ...jwt, secret } };
}

/** In milliseconds; below the deadline of a boot's step "connect". */
const CONNECT_TIMEOUT_MS = 12_000;
/** What the drivers call it. */
const CONNECT_TIMEOUT_OPTION: Readonly<Record<string, string>> = {
  postgres: 'connectionTimeoutMillis',
  mysql: 'connectTimeout',
};

/** A server that takes a connection and says nothing would hold it, and its place in the pool, for ever. */
export function withConnectTimeout(dialectOptions: unknown, family = ''): Record<string, unknown> | undefined {
  const given = isPlainObject(dialectOptions) ? dialectOptions : undefined;
  const option = CONNECT_TIMEOUT_OPTION[family];
  return option === undefined ? given : { [option]: CONNECT_TIMEOUT_MS, ...given };
}

/**
 * Options without what must not stand in them, and that. The connection type and the name of the database are
 * written out, so that a record says where its data lies even when the environment changes.
 * @param before the options of an existing row, whose database stays as it is written there
 */
export function splitOptions(
  given: AppOptions,
  name: string,
  before?: AppOptions,
): { options: AppOptions; secrets: AppSecrets } {
  const options = structuredClone(given);
  const secrets: AppSecrets = {};
  const jwt = options.authManager?.jwt;
  if (isPlainObject(jwt) && 'secret' in jwt) {
    if (typeof jwt.secret === 'string' && jwt.secret !== '') secrets.jwtSecret = jwt.secret;
    delete jwt.secret;
  }
  if (isPlainObject(options.database) && 'password' in options.database) {
    const { password } = options.database;
    if (typeof password === 'string' && password !== '' && options.encryptedDbPassword !== true) {
      secrets.databasePassword = password;
      delete options.database.password;
    }
  }
  if (!before) Object.assign(options, completeDatabaseOptions(options.dbConnType, options.database, name));
  return { options, secrets };
}

export { redact, redactText } from '../src/redaction';

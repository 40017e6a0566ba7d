import type Database from '@nocobase/database';

interface Connecting {
  options: { dialect?: string; password?: unknown };
  sequelize: { addHook(name: 'beforeConnect', hook: (config: { password?: unknown }) => void): void };
}

/** What the driver `pg` asks for a password. An empty text it would take for none, and look for another one. */
const emptyPassword = (): string => '';

/**
 * Sends an empty password where the options of an instance hold an empty one. The driver of PostgreSQL would send
 * PGPASSWORD, or a line of ~/.pgpass, to a server that a caller named.
 */
export function sendEmptyPassword(db: Database): void {
  const { options, sequelize } = db as unknown as Connecting;
  if (options.dialect !== 'postgres' || options.password !== '') return;
  sequelize.addHook('beforeConnect', (config) => {
    config.password = emptyPassword;
  });
}

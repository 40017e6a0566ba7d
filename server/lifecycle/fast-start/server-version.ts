import type { Application } from '@nocobase/server';

interface Connected {
  options: { databaseVersion?: string | number };
  config: { host?: string; port?: string | number; protocol?: string };
}

/**
 * Before its first statement Sequelize opens a connection only to ask for the version of the database server, and closes
 * it again. An application on the main application's server is told what that has found out.
 */
export function knowServerVersion(app: Application, mainApp: Application): void {
  const own = app.db.sequelize as unknown as Connected;
  const main = mainApp.db.sequelize as unknown as Connected;
  const server = ({ config }: Connected) => [config.protocol, config.host, String(config.port)].join(' ');
  if (own.options.databaseVersion !== 0 || !main.options.databaseVersion) return;
  if (app.db.sequelize.getDialect() !== mainApp.db.sequelize.getDialect() || server(own) !== server(main)) return;
  own.options.databaseVersion = main.options.databaseVersion;
}

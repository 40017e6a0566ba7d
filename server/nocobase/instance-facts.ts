import type { Application } from '@nocobase/server';

/** With what an instance really works, read from the objects that do the work, not from its options. */
export interface InstanceFacts {
  /** By which it signs and verifies tokens; undefined where a version of NocoBase hides it. */
  tokenSecret?: string;
  database: { host?: string; port?: number | string; database?: string; schema?: string; dialect?: string };
  /** Whether it reads from other servers than it writes to, or from an address that is one text. */
  splitAddress: boolean;
}

interface CoreInstance {
  authManager?: { jwt?: { secret?: () => unknown } };
  db: {
    options: { schema?: string; url?: unknown; uri?: unknown };
    sequelize: {
      config: { host?: string; port?: number | string; database?: string };
      options: { replication?: unknown; dialect?: string };
    };
  };
}

export function instanceFacts(app: Application): InstanceFacts {
  const { authManager, db } = app as unknown as CoreInstance;
  const secret = authManager?.jwt?.secret?.();
  const { config, options } = db.sequelize;
  return {
    tokenSecret: typeof secret === 'string' ? secret : undefined,
    database: {
      host: config.host,
      port: config.port,
      database: config.database,
      schema: db.options.schema,
      dialect: options.dialect,
    },
    splitAddress: Boolean(options.replication) || db.options.url !== undefined || db.options.uri !== undefined,
  };
}

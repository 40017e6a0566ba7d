import type { AppRecord } from '../../src/app-record';
import { AppError } from '../../src/errors';
import type { DatabaseDialect, ServerAddress } from './dialect';
import { findOtherUser, recordTarget } from './ownership';

const POSTGRES_PORT = 5432;

/**
 * Makes and removes the databases of applications (`new_database`): refuses before it writes, and drops only what it
 * made. The records are those of all registered applications at the time of the call.
 */
export class DatabaseProvisioner {
  constructor(
    /** The dialect of the main application's database, when we can create databases on it. */
    readonly dialect: () => DatabaseDialect | undefined,
    readonly server: () => ServerAddress,
    private readonly records: () => Iterable<AppRecord>,
  ) {}

  /**
   * Everything that can be told before anything is written: whose the database is, whether the server answers,
   * whether the role may create it, whether it is there already.
   * @returns whether the database exists already (and is empty)
   * @throws APP_DATABASE_IN_USE, APP_DATABASE_EXISTS, APP_DATABASE_UNSUPPORTED and what the server says
   */
  async preflight(record: AppRecord): Promise<{ exists: boolean }> {
    const dialect = this.supportedDialect();
    this.assertUnused(record);
    const database = this.databaseOf(record);
    const finding = await dialect.inspect(this.server(), database);
    if (finding === 'occupied') throw new AppError('APP_DATABASE_EXISTS', { database });
    if (finding === 'absent') await dialect.assertMayCreate(this.server());
    return { exists: finding === 'empty' };
  }

  /** Creates the application's database when it is absent. May be repeated. @throws APP_DATABASE_EXISTS */
  async create(record: AppRecord): Promise<void> {
    const token = record.provisioning?.ownershipToken;
    this.assertUnused(record);
    // Without a token nobody asked us to create it: the row is older than this plugin, or the database was there.
    if (token) await this.supportedDialect().create(this.server(), this.databaseOf(record), token);
  }

  /**
   * Whether the database may be dropped: created here for this application, and used by nobody else.
   * @returns the token it is marked with
   * @throws APP_DATABASE_NOT_OWNED, APP_DATABASE_IN_USE
   */
  async assertDroppable(record: AppRecord): Promise<string> {
    this.assertUnused(record);
    const database = this.databaseOf(record);
    const token = record.provisioning?.ownershipToken;
    const dialect = this.dialect();
    if (!token || !dialect) throw new AppError('APP_DATABASE_NOT_OWNED', { database });
    const absent = (await dialect.inspect(this.server(), database)) === 'absent';
    if (!absent && !(await dialect.isOwned(this.server(), database, token))) {
      throw new AppError('APP_DATABASE_NOT_OWNED', { database });
    }
    return token;
  }

  /** Drops the application's database after checking once more that it may be dropped. */
  async drop(record: AppRecord): Promise<void> {
    const token = await this.assertDroppable(record);
    await this.supportedDialect().drop(this.server(), this.databaseOf(record), token);
  }

  /** An error of the database driver as one of ours. */
  explain(error: unknown, record: AppRecord): AppError | undefined {
    return this.dialect()?.explain(error, this.databaseOf(record));
  }

  databaseOf(record: AppRecord): string {
    return recordTarget(record, this.server(), POSTGRES_PORT).database;
  }

  private assertUnused(record: AppRecord): void {
    const server = this.server();
    const target = recordTarget(record, server, POSTGRES_PORT);
    const owner = findOtherUser(target, record.name, this.records(), server, POSTGRES_PORT);
    if (owner) throw new AppError('APP_DATABASE_IN_USE', { database: target.database, owner });
  }

  private supportedDialect(): DatabaseDialect {
    const dialect = this.dialect();
    if (!dialect) {
      throw new AppError('APP_DATABASE_UNSUPPORTED', {
        reason: 'new databases can be created where the main application runs on PostgreSQL',
      });
    }
    return dialect;
  }
}

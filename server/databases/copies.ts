import { createHash } from 'node:crypto';
import { isMade, type AppRecord } from '../../src/app-record';
import { AppError, isAppError, type ErrorCode } from '../../src/errors';
import type { Reason } from '../../src/phrase';
import {
  canonical,
  installedEnvironment,
  installedOptions,
  MAX_TEMPLATES,
  ownerText,
  surplusTemplates,
  TEMPLATE_MAKER,
  templateName,
  type FoundTemplate,
  type TemplateMark,
  type TemplateOwner,
} from '../../src/policies/template-plan';
import type { StoredVersions } from '../../src/policies/upgrade-plan';
import { copyConnected } from './connected-copy';
import type { DatabaseDialect, ServerAddress } from './dialect';
import { locationOf, type DatabaseLocation, type DatabaseOptions } from './location';
import type { ApplicationFiles } from './stored-files';
import { mainTarget, recordTarget, type MainPlace } from './ownership';
import type { Place as DatabasePlace } from './place';
import {
  copyPostgresDatabase,
  dropPostgresDraft,
  mayCopyPostgresDatabase,
  readPostgresOwner,
  withPostgresTemplates,
} from './postgres-copy';
import { readPostgresFiles } from './postgres-files';
import { templateRole } from './postgres-roles';
import { roleInUse, type AppSecrets } from './secrets';

/** What copies need of the process around them. */
export interface CopiesHost {
  /** Whether new applications may come from templates, and how long a copy may take, as a part of a making. */
  config: { templates: boolean; bootTimeoutMs: number };
  places: {
    dialect(): DatabaseDialect | undefined;
    server(): MainPlace;
    place(record: AppRecord): DatabasePlace;
  };
  versions: { installedCore: string; isExactly(stored: StoredVersions): Promise<boolean> };
  supervisor: { logger: Record<'info' | 'warn', (message: string, details: object) => unknown> };
  mainApp(): { db: { options: object } };
  databaseOptions(record: AppRecord): DatabaseOptions;
  secrets(record: AppRecord): AppSecrets;
}

/** Without these programs, PostgreSQL's own way of copying is the only one. */
const NO_PROGRAM = new Set<ErrorCode>(['APP_DUMP_TOOL_MISSING', 'APP_DUMP_TOOL_OLD', 'APP_DUMP_UNSUPPORTED']);

/** A database of its own on the main application's server, marked as ours; anything else is installed, not copied. */
interface Place {
  database: string;
  token: string;
  location: DatabaseLocation;
  /** The name of the application's own role. */
  role?: string;
}

/**
 * Databases of applications that are copies of others: of a template, so that a new application need not be installed,
 * or of another application. Templates are left behind by installations and known by their comments only; whatever
 * goes wrong with one, the application is installed.
 */
export class DatabaseCopies {
  private owner?: Promise<TemplateOwner>;

  constructor(private readonly host: CopiesHost) {}

  /** Whether a former attempt at making this application got as far as a finished installation. */
  async isInstalled(record: AppRecord): Promise<boolean> {
    const place = this.placeOf(record);
    const dialect = this.host.places.dialect();
    if (!place || !dialect) return false;
    const { database, token, location } = place;
    if (!(await dialect.isOwned(this.host.places.server(), database, token))) return false;
    const stored = await dialect.readVersions(this.counted(location), location.layout);
    return Boolean(stored?.core);
  }

  /** What an attempt at making it has left of a database that never got its name. Never rejects. */
  async dropDraft(record: AppRecord): Promise<void> {
    const place = isMade(record) ? undefined : this.placeOf(record);
    if (!place) return;
    const dropped = dropPostgresDraft(this.host.places.server(), place.token);
    await dropped.catch((error: unknown) => {
      this.log('warn', `what was begun of the database of "${record.name}" was not dropped: ${reasonOf(error)}`);
    });
  }

  // ---- templates ----------------------------------------------------------------------------------------------------

  /** Whether this application may come from a template, and leaves one behind where it was installed. */
  usesTemplates(record: AppRecord): boolean {
    return this.host.config.templates && this.placeOf(record) !== undefined;
  }

  /** Gives the application a database from a template; false where there is none that fits, or it could not be copied. */
  async fromTemplate(record: AppRecord, assertCurrent: () => void): Promise<boolean> {
    const place = this.placeOf(record);
    if (!this.host.config.templates || !place) return false;
    const { database, token, role } = place;
    try {
      const source = await this.nameFor(record, place);
      return await copyPostgresDatabase(this.host.places.server(), {
        ...{ source, database, token, deadlineMs: this.host.config.bootTimeoutMs },
        ...{ wanted: (mark) => this.isHere(mark), role, assertCurrent },
      });
    } catch (error) {
      this.log('warn', `application "${record.name}" is installed, not copied: ${reasonOf(error)}`);
      return false;
    }
  }

  /**
   * Copies what was just installed into a template, unless there is one or another process is at it; drops those that
   * are of no use any more. Nobody may be connected to the application's database. Never rejects.
   */
  async leaveTemplate(record: AppRecord): Promise<void> {
    const place = this.placeOf(record);
    const dialect = this.host.places.dialect();
    if (!place || !dialect) return;
    try {
      const stored = await dialect.readVersions(this.counted(place.location), place.location.layout);
      // What is not stamped with the versions of this process would be upgraded at every first boot.
      if (!stored || !(await this.host.versions.isExactly(stored))) return;
      const [owner, name] = [await this.ownerOf(), await this.nameFor(record, place)];
      const mark: TemplateMark = {
        ...{ by: TEMPLATE_MAKER, state: 'ready', owner: ownerText(owner) },
        ...{ core: this.host.versions.installedCore, plugins: [...stored.plugins], madeAt: new Date().toISOString() },
      };
      await withPostgresTemplates(this.host.places.server(), this.host.config.bootTimeoutMs, async (workshop) => {
        const { found, oids } = await workshop.list();
        const here = await this.hereAmong(found);
        const kept = here.has(name) ? MAX_TEMPLATES : MAX_TEMPLATES - 1;
        for (const surplus of surplusTemplates(found, owner, here, oids, kept)) await workshop.drop(surplus);
        if (here.has(name)) return;
        await workshop.build(name, place.database, mark, place.role && this.templateRole(owner));
        this.log('info', `the installation of "${record.name}" is kept as a template`);
      });
    } catch (error) {
      this.log('warn', `no template was made of the installation of "${record.name}": ${reasonOf(error)}`);
    }
  }

  /** Drops the templates that are of no use any more, as after an upgrade of NocoBase. Never rejects. */
  async sweepTemplates(): Promise<void> {
    if (!this.host.config.templates || !this.host.places.dialect()) return;
    try {
      const owner = await this.ownerOf();
      await withPostgresTemplates(this.host.places.server(), this.host.config.bootTimeoutMs, async (workshop) => {
        const { found, oids } = await workshop.list();
        for (const name of surplusTemplates(found, owner, await this.hereAmong(found), oids)) await workshop.drop(name);
      });
    } catch (error) {
      this.log('warn', `old templates were not dropped: ${reasonOf(error)}`);
    }
  }

  private async hereAmong(found: readonly FoundTemplate[]): Promise<Set<string>> {
    const here = new Set<string>();
    for (const { name, mark } of found) if (mark && (await this.isHere(mark))) here.add(name);
    return here;
  }

  private async isHere(mark: TemplateMark): Promise<boolean> {
    return mark.core === this.host.versions.installedCore && (await this.host.versions.isExactly(mark));
  }

  private ownerOf(): Promise<TemplateOwner> {
    this.owner ??= readPostgresOwner(this.host.places.server(), this.schema).catch((error: unknown) => {
      this.owner = undefined;
      throw error;
    });
    return this.owner;
  }

  private templateRole({ oid }: TemplateOwner): string {
    return templateRole(oid, this.host.places.server().realm);
  }

  private async nameFor(record: AppRecord, { location, role }: Place): Promise<string> {
    const owner = await this.ownerOf();
    const key = {
      owner: ownerText(owner),
      core: this.host.versions.installedCore,
      layout: location.layout,
      options: installedOptions(record.options),
      environment: installedEnvironment(process.env),
      // Of those that have a role of their own, what is in the template belongs to one that all of these may use.
      role: role && this.templateRole(owner),
      // Those of earlier versions were open to every role while they were built.
      built: 'closed',
    };
    return templateName(owner, createHash('sha256').update(canonical(key)).digest('hex'));
  }

  // ---- other applications -------------------------------------------------------------------------------------------

  /** @throws APP_CLONE_REFUSED when the application's database cannot be copied from here */
  async assertCopyable(source: AppRecord): Promise<void> {
    const refused = (reason: Reason) => new AppError('APP_CLONE_REFUSED', { name: source.name, reason });
    if (source.provisioning && !source.provisioning.readyAt) throw refused('its creation is not finished');
    if (!this.hasOwnDatabase(source)) {
      throw refused(
        "only applications with a database of their own on the main application's PostgreSQL can be cloned",
      );
    }
    const { database } = recordTarget(source, this.host.places.server());
    if (!(await mayCopyPostgresDatabase(this.host.places.server(), database))) {
      throw refused('its database is missing, or belongs to another database role');
    }
  }

  /**
   * Gives an application the data of another one, to whose database nobody is connected meanwhile. May be repeated.
   * @throws APP_DATABASE_SOURCE_BUSY
   */
  async fromApplication(source: AppRecord, record: AppRecord, assertCurrent: () => void): Promise<void> {
    const place = this.placeOf(record);
    if (!place) throw new AppError('APP_CLONE_REFUSED', { name: source.name, reason: 'the copy has no database' });
    const { database, token, role } = place;
    const target = recordTarget(source, this.host.places.server());
    const deadlineMs = this.host.config.bootTimeoutMs;
    await copyPostgresDatabase(this.host.places.server(), {
      ...{ source: target.database, database, token, role, deadlineMs, assertCurrent },
      fill: (draft) => this.fillConnected(source, record, draft),
    });
  }

  /** @throws APP_DATABASE_SOURCE_BUSY where the programs for it are missing or too old */
  private async fillConnected(source: AppRecord, record: AppRecord, draft: string): Promise<void> {
    const [from, to] = [this.host.places.place(source), this.host.places.place(record)];
    try {
      const target = { ...to, database: draft, inside: { ...to.inside, database: draft } };
      await copyConnected(from, target, this.host.config.bootTimeoutMs);
    } catch (error) {
      if (!isAppError(error) || !NO_PROGRAM.has(error.code)) throw error;
      throw new AppError('APP_DATABASE_SOURCE_BUSY', { database: from.database }, error);
    }
    this.log('info', `"${record.name}" was copied from "${source.name}" while others were connected to it`);
  }

  /** What its rows say of its uploaded files, while it is down. */
  filesOf(source: AppRecord): Promise<ApplicationFiles> {
    const location = locationOf(this.host.databaseOptions(source));
    return readPostgresFiles({ inside: this.counted(location), layout: location.layout });
  }

  // ---- pieces -------------------------------------------------------------------------------------------------------

  /** Undefined where the database is not one that we make on the main application's own PostgreSQL. */
  private placeOf(record: AppRecord): Place | undefined {
    const token = record.provisioning?.ownershipToken;
    if (!token || !this.hasOwnDatabase(record)) return undefined;
    const options = this.host.databaseOptions(record);
    // Others that speak the same language may not copy the same way.
    if (options.dialect !== 'postgres') return undefined;
    const location = locationOf(options);
    const role = roleInUse(this.host.secrets(record))?.name;
    return { token, location, role, database: location.server.database };
  }

  private hasOwnDatabase(record: AppRecord): boolean {
    if (this.host.places.dialect()?.name !== 'postgres') return false;
    const { dbConnType } = record.options;
    if (dbConnType && dbConnType !== 'new_database') return false;
    const server = this.host.places.server();
    const target = recordTarget(record, server);
    return target.server === mainTarget(server).server && target.database !== server.database;
  }

  private get schema(): string {
    return (this.host.mainApp().db.options as { schema?: string }).schema || 'public';
  }

  private log(level: 'info' | 'warn', message: string): void {
    this.host.supervisor.logger[level](message, { module: 'app-supervisor' });
  }

  private counted({ server }: DatabaseLocation): ServerAddress {
    return { ...server, lend: this.host.places.server().lend };
  }
}

function reasonOf(error: unknown): string {
  return isAppError(error) ? error.message : error instanceof Error ? error.name : 'unknown error';
}

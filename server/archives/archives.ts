import { randomUUID } from 'node:crypto';
import type { Application, AppSupervisor } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import type { AppRecord, CreateInput } from '../../src/app-record';
import { AppError } from '../../src/errors';
import { SYSTEM, type Actor, type AppEvent, type Operation } from '../../src/events';
import { absence } from '../absence';
import type { AppPlaces } from '../app-places';
import type { Claims } from '../claims';
import type { SupervisorConfig } from '../config';
import { ProgramFailure } from '../databases/child-program';
import type { AppRoles } from '../databases/app-roles';
import { toolsOf } from '../databases/tools-of';
import type { AppSecrets, SecretBox } from '../databases/secrets';
import type { AppVersions } from '../lifecycle/versions';
import { COLLECTION, type Registry } from '../registry';
import { openArchive } from './archive-file';
import { ArchiveJob, explain } from './archive-job';
import { archivedApplication, ArchiveStore } from './archive-store';
import { DownloadTickets } from './download-tickets';
import { examineExport, exportApplication, type ExportOrder } from './export';
import { examineImport, importApplication, undoImport } from './import';
import { WorkFolder } from './work-folder';

/** What exports and imports need of the process around them. */
export interface ArchivesHost {
  config: SupervisorConfig;
  supervisor: Pick<AppSupervisor, 'logger'>;
  registry: Registry;
  claims: Claims;
  bin: { underWay(name: string): Operation | undefined };
  places: AppPlaces;
  roles: AppRoles;
  versions: AppVersions;
  secretBox: SecretBox;
  mainApp(): Application;
  tell(event: AppEvent): void;
}

/** A new application as a caller of `import` describes it, checked. */
export interface ImportWish {
  values: Record<string, unknown>;
  input: CreateInput;
  options: AppRecord['options'];
  secrets: AppSecrets;
  currentUser?: unknown;
  by?: Actor;
}

/** At a time, of both kinds: each keeps a program, a database and a disk busy. */
const MAX_RUNNING = 2;
const REMEMBERED = 50;
const LOOK_MS = 10 * 60_000;

/**
 * Moves applications: exports one to an archive, makes one from an archive. What is under way is known to this process
 * only; what a killed process left is taken back at the next start.
 */
export class Archives {
  readonly store: ArchiveStore;
  readonly downloads = new DownloadTickets();
  private jobs: ArchiveJob[] = [];
  /** Exports that are being examined, before they are jobs. */
  private readonly examinations = new Set<Operation>();
  private readonly ownFolders = new Set<string>();
  private timer?: NodeJS.Timeout;
  private clearing: Promise<void> = Promise.resolve();

  constructor(private readonly host: ArchivesHost) {
    const folder = storagePathJoin('apps', 'main', 'exports');
    this.store = new ArchiveStore(folder, host.config.archiveRetentionMs);
  }

  /** Clears away what is left or old, now and every few minutes. */
  start(): void {
    if (this.timer) return;
    const look = () => {
      this.clearing = this.clearing.then(() => this.clear());
    };
    look();
    this.timer = setInterval(look, LOOK_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Gives up what is under way, and resolves when nothing of it is left. */
  async end(): Promise<void> {
    this.stop();
    for (const job of this.running()) job.giveUp(new AppError('APP_SHUTTING_DOWN'));
    await Promise.all([...this.running().map(({ done }) => done), this.clearing]);
  }

  /** A folder of work; whoever opens it for a file that is brought closes it. */
  async openFolder(): Promise<WorkFolder> {
    const folder = await WorkFolder.make(this.store.workRoom);
    this.ownFolders.add(folder.folder);
    return folder;
  }

  async closeFolder(folder: WorkFolder): Promise<void> {
    await folder.remove().catch(() => undefined);
    this.ownFolders.delete(folder.folder);
  }

  /** The latest first. */
  reports() {
    return this.jobs.map((job) => job.report()).reverse();
  }

  /**
   * Begins an export.
   * @throws what stands against it: APP_REMOVING, APP_ARCHIVE_BUSY, APP_ARCHIVE_UNFIT, APP_DUMP_*, and what the database
   * says
   */
  async export(record: AppRecord, by: Actor = SYSTEM): Promise<ArchiveJob> {
    const { name } = record;
    // A removal looks for exports once, before it begins.
    if (this.host.bin.underWay(name) || !this.host.registry.has(name)) throw absence(this.host, name);
    const place = this.host.places.place(record);
    const tools = toolsOf(place.dialect);
    const examination: Operation = { kind: 'export', application: name, since: new Date().toISOString(), by };
    this.examinations.add(examination);
    try {
      await examineExport(tools, record, place);
      return this.beginExport({ record, place, tools }, by);
    } finally {
      this.examinations.delete(examination);
    }
  }

  private beginExport(
    { record, place, tools }: Pick<ExportOrder, 'record' | 'place' | 'tools'>,
    by: Actor,
  ): ArchiveJob {
    return this.begin('export', record.name, by, async (job) => {
      await this.inWorkFolder(async (work) => {
        const timeoutMs = this.host.config.archiveTimeoutMs;
        const { file, manifest } = await exportApplication({ record, place, tools, job, work, timeoutMs });
        const { name } = await this.store.take(file, record.name, new Date(manifest.createdAt));
        job.archive = name;
      });
      this.tell(job, 'exported');
    });
  }

  /**
   * Checks an archive from its first byte to its last, and begins to make an application from it.
   * @throws APP_ARCHIVE_*, APP_DUMP_*, and what `create` refuses
   */
  async import(file: string, archiveName: string, wish: ImportWish): Promise<ArchiveJob> {
    const { host } = this;
    const { name, cname, domains } = wish.input;
    this.assertIdle(name);
    const archive = await openArchive(file, host.config.archiveMaxBytes).catch((error: unknown) => {
      throw explain(error);
    });
    const token = randomUUID();
    const plain: AppRecord = {
      name,
      cname,
      domains,
      startMode: 'lazy',
      options: wish.options,
      provisioning: { ownershipToken: token },
    };
    const shared = { ...plain, secrets: host.secretBox.seal(name, wish.secrets) };
    const place = host.places.place(shared);
    const tools = toolsOf(place.dialect);
    await examineImport(this.importHost, { archive, name, place, tools });
    const clear = async () => {
      const { exists } = await host.places.clear(shared, wish.secrets, false);
      // What we did not make we could not take back.
      if (exists) throw new AppError('APP_DATABASE_EXISTS', { database: place.database });
    };
    const work = async (job: ArchiveJob) => {
      job.archive = archiveName;
      const timeoutMs = host.config.archiveTimeoutMs;
      await this.inWorkFolder(async (work) => {
        const record = await this.recorded(shared, work);
        const title = wish.input.displayName;
        const order = { record, title, place: host.places.place(record), tools, archive, job, work, timeoutMs };
        await importApplication(this.importHost, order);
        job.enter('register');
        const { displayName, icon } = archive.manifest.application;
        const values = { displayName, icon, ...wish.values, name, adopt: true, admin: undefined };
        const context = { state: { currentUser: wish.currentUser }, imported: record };
        await host.mainApp().db.getRepository(COLLECTION).create({ values, context });
      });
      this.tell(job, 'imported');
    };
    const by = wish.by ?? SYSTEM;
    return this.claimed(shared, by, async () => {
      await clear();
      return this.begin('import', name, by, work);
    });
  }

  /** What is about to be made, written down in the work folder: its role, too, if the server allows it one. */
  private async recorded(shared: AppRecord, work: WorkFolder): Promise<AppRecord> {
    const { roles } = this.host;
    const proposed = await roles.propose(shared);
    await work.remember(proposed);
    const obstacle = await roles.establish(proposed);
    if (!obstacle) return proposed;
    const record = roles.withoutRole(proposed, obstacle);
    await work.remember(record);
    return record;
  }

  /** Until its row is written, or all of it is taken back, its name looks free to others, and its database empty. */
  private async claimed(record: AppRecord, by: Actor, begin: () => Promise<ArchiveJob>): Promise<ArchiveJob> {
    const release = this.host.claims.take(record, { kind: 'import', by });
    try {
      const job = await begin();
      void job.done.then(release);
      return job;
    } catch (error) {
      release();
      throw error;
    }
  }

  private get importHost() {
    const { places, versions } = this.host;
    return {
      provisioner: places.provisioner,
      compare: versions.compare.bind(versions),
    };
  }

  private running(): ArchiveJob[] {
    return this.jobs.filter(({ running }) => running);
  }

  private assertIdle(name: string): void {
    const running = this.running();
    const own = running.find(({ application }) => application === name);
    if (running.length < MAX_RUNNING && !own) return;
    this.refuse(own ?? (running[0] as ArchiveJob));
  }

  /** For whoever would take its data away. @throws APP_ARCHIVE_BUSY */
  assertNotRead(name: string): void {
    const job = this.running().find(({ kind, application }) => kind === 'export' && application === name);
    if (job) this.refuse(job);
    const examined = [...this.examinations].find(({ application }) => application === name);
    if (examined) throw new AppError('APP_ARCHIVE_BUSY', { count: this.running().length + 1 }, undefined, examined);
  }

  private refuse({ operation }: ArchiveJob): never {
    throw new AppError('APP_ARCHIVE_BUSY', { count: this.running().length }, undefined, operation);
  }

  private begin(
    kind: ArchiveJob['kind'],
    name: string,
    by: Actor,
    work: (job: ArchiveJob) => Promise<void>,
  ): ArchiveJob {
    this.assertIdle(name);
    const job = new ArchiveJob(kind, name, by);
    this.jobs = [...this.jobs, job].slice(-REMEMBERED);
    job.done = work(job).then(
      () => job.end(),
      (error: unknown) => this.failed(job, error),
    );
    return job;
  }

  private failed(job: ArchiveJob, error: unknown): void {
    job.end(error);
    const { kind, application, failure } = job;
    const origin = failure?.origin;
    // Already without secrets; of anything else only its kind.
    const details = origin instanceof ProgramFailure ? origin.message : codeOf(origin);
    this.host.supervisor.logger.error(`${kind} of application "${application}" failed: ${failure?.message}`, {
      module: 'app-supervisor',
      code: failure?.code,
      details,
    });
    this.tell(job, `${kind}-failed`);
  }

  /** Somebody has got, or deleted, what an application knows. */
  tellOf(archive: string, type: 'archive-downloaded' | 'archive-deleted', by: Actor): void {
    const application = archivedApplication(archive);
    if (application) this.host.tell({ application, type, at: Date.now(), by, message: archive });
  }

  private tell({ application, by, archive, failure }: ArchiveJob, type: AppEvent['type']): void {
    const message = failure?.message ?? archive ?? undefined;
    this.host.tell({ application, type, at: Date.now(), by, reason: failure?.code, message });
  }

  /** Nothing of the folder is left afterwards, unless something could not be taken back: then at a later look. */
  private async inWorkFolder(use: (work: WorkFolder) => Promise<void>): Promise<void> {
    const work = await this.openFolder();
    try {
      await use(work);
    } catch (error) {
      await this.undo(work).catch((reason: unknown) => this.left(work, reason));
      throw error;
    } finally {
      this.ownFolders.delete(work.folder);
    }
    await work.remove();
  }

  private async undo(work: WorkFolder): Promise<void> {
    const record = await work.remembered();
    // Where its row was written it is done, and only the folder was left.
    if (!record || !(await this.isRegistered(record))) await undoImport(this.importHost, work);
    await work.remove();
  }

  /** Asked of the database: what is in memory may be on its way out, and a mistake would drop an application's data. */
  private async isRegistered({ name, provisioning }: AppRecord): Promise<boolean> {
    const row = (await this.host.mainApp().db.getModel(COLLECTION).findOne({ where: { name } })) as {
      get(field: string): unknown;
    } | null;
    const written = row?.get('provisioning') as AppRecord['provisioning'] | null;
    return written?.ownershipToken !== undefined && written.ownershipToken === provisioning?.ownershipToken;
  }

  private left(work: WorkFolder, error: unknown): void {
    const details = codeOf(error);
    this.host.supervisor.logger.warn('what an import had made could not be taken back yet', { details });
    work.rest();
  }

  private async clear(): Promise<void> {
    try {
      for (const work of await WorkFolder.abandoned(this.store.workRoom, this.ownFolders)) {
        await this.undo(work).catch((error: unknown) => this.left(work, error));
      }
      await this.store.deleteOld();
    } catch (error) {
      this.host.supervisor.logger.warn('the folder of archives could not be cleared', { error: String(error) });
    }
  }
}

/** Of an error that nobody here knows, the one thing that cannot hold a secret. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

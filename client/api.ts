import type {
  ApplicationAction,
  ApplicationDetails,
  ApplicationPage,
  ApplicationRow,
  ApplicationSettings,
  ArchiveJob,
  BulkResult,
  ChangedPassword,
  ClientRequest,
  DatabaseAnswer,
  DomainAnswer,
  EventPage,
  ListQuery,
  LogTail,
  Metrics,
  NewApplication,
  Request,
  StateCounts,
  StoredArchive,
  SupervisorInfo,
  UpgradeEnd,
} from './api-types';

interface Listed<Row> {
  data: Row[];
  meta?: { count?: number; states?: StateCounts };
}

/** A page that holds all there is. */
const WHOLE = 2_000;

/** The server's actions that the screens call. Every failure is shown by the caller, so no toast comes on top. */
export class SupervisorApi {
  constructor(private readonly request: Request) {}

  info(): Promise<SupervisorInfo> {
    return this.read('appSupervisor:info');
  }

  metrics(): Promise<Metrics> {
    return this.read('appSupervisor:metrics');
  }

  async list({ page, pageSize, search, states, sort, removed }: ListQuery): Promise<ApplicationPage> {
    const params: Record<string, unknown> = { page, pageSize };
    if (search) params.search = search;
    if (states?.length) params.state = states.join(',');
    if (sort) params.sort = sort;
    if (removed) params.removed = true;
    const body = await this.call<Listed<ApplicationRow>>({ url: 'applications:list', params });
    return { rows: body.data, total: body.meta?.count ?? body.data.length, states: body.meta?.states ?? {} };
  }

  get(name: string): Promise<ApplicationRow> {
    return this.read('applications:get', { filterByTk: name });
  }

  details(name: string): Promise<ApplicationDetails> {
    return this.read('applications:details', { filterByTk: name });
  }

  async events(name: string, page: number, pageSize: number): Promise<EventPage> {
    const params = { filterByTk: name, page, pageSize };
    const body = await this.call<Listed<EventPage['rows'][number]>>({ url: 'applications:events', params });
    return { rows: body.data, total: body.meta?.count ?? body.data.length };
  }

  logs(name: string, lines: number): Promise<LogTail> {
    return this.read('applications:logs', { filterByTk: name, lines });
  }

  /** Whether an application has this ID, also one that was removed and can be restored. */
  async isTaken(name: string): Promise<boolean> {
    const params = { filter: JSON.stringify({ name }), pageSize: 1 };
    const lists = [params, { ...params, removed: true }].map((query) =>
      this.call<Listed<ApplicationRow>>({ url: 'applications:list', params: query }),
    );
    return (await Promise.all(lists)).some(({ data }) => data.length > 0);
  }

  /** Whether an application could have this custom domain. @param self its ID, if it exists already */
  checkDomain(domain: string, self?: string): Promise<DomainAnswer> {
    return this.read('applications:checkDomain', { domain, ...(self !== undefined && { filterByTk: self }) });
  }

  create(application: NewApplication): Promise<ApplicationRow> {
    return this.write('applications:create', {}, application);
  }

  clone(name: string, copy: Pick<NewApplication, 'name' | 'displayName' | 'startMode'>): Promise<ApplicationRow> {
    return this.write('applications:clone', { filterByTk: name }, copy);
  }

  update(name: string, changes: ApplicationSettings & { options?: object }): Promise<ApplicationRow> {
    return this.write('applications:update', { filterByTk: name }, changes);
  }

  checkDatabase(application: Partial<NewApplication>): Promise<DatabaseAnswer> {
    return this.write('applications:checkDatabase', {}, application);
  }

  /** Answers when it has its own database role. */
  isolate(name: string): Promise<ApplicationRow> {
    return this.write('applications:isolate', { filterByTk: name });
  }

  resetPassword(name: string, values: { account: string; password: string }): Promise<ChangedPassword> {
    return this.write('applications:resetPassword', { filterByTk: name }, values);
  }

  act(
    action: Exclude<ApplicationAction, 'destroy'> | 'restore' | 'purge' | 'acceptDatabase',
    name: string,
  ): Promise<object> {
    return this.write(`applications:${action}`, { filterByTk: name });
  }

  /** Answers when it has ended. */
  async upgrade(name: string): Promise<UpgradeEnd> {
    const params = { filterByTk: name, wait: true };
    const run = await this.write<{ applications: UpgradeEnd[] }>('applications:upgrade', params);
    return run.applications.find((end) => end.name === name) ?? { name, outcome: 'current', to: '' };
  }

  remove(name: string, how: { dropDatabase?: boolean; purge?: boolean }): Promise<object> {
    return this.write('applications:destroy', { filterByTk: name }, how);
  }

  async actOnAll(action: ApplicationAction, names: readonly string[]): Promise<BulkResult[]> {
    const { results } = await this.write<{ results: BulkResult[] }>(`applications:${action}`, {}, { names });
    return results;
  }

  export(name: string): Promise<ArchiveJob> {
    return this.write('applications:export', { filterByTk: name });
  }

  /** From an archive in the server's folder, or from an uploaded file. */
  import(source: string | File, values: NewApplication): Promise<ArchiveJob> {
    if (typeof source === 'string') return this.write('applications:import', {}, { archive: source, ...values });
    const form = new FormData();
    form.append('values', JSON.stringify(values));
    form.append('file', source);
    return this.write('applications:import', {}, form);
  }

  /** Of one application, or of all. */
  archiveJobs(application?: string): Promise<ArchiveJob[]> {
    return this.read('applications:archiveJobs', { application, pageSize: WHOLE });
  }

  /** Of one application, or of all. */
  listArchives(application?: string): Promise<StoredArchive[]> {
    return this.read('applications:listArchives', { application, pageSize: WHOLE });
  }

  /** A link that the browser follows by itself: the file does not pass through its memory. */
  linkArchive(archive: string): Promise<{ url: string }> {
    return this.write('applications:linkArchive', { filterByTk: archive });
  }

  deleteArchive(archive: string): Promise<unknown> {
    return this.write('applications:deleteArchive', { filterByTk: archive });
  }

  private async read<T>(url: string, params?: Record<string, unknown>): Promise<T> {
    return (await this.call<{ data: T }>({ url, params })).data;
  }

  private async write<T>(url: string, params: Record<string, unknown>, data: object = {}): Promise<T> {
    return (await this.call<{ data: T }>({ url, method: 'post', params, data })).data;
  }

  private async call<T>(request: ClientRequest): Promise<T> {
    const response = await this.request({ ...request, skipNotify: true });
    return response.data as T;
  }
}

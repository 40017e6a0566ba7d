import type { StartMode } from '../src/app-record';
import type { AppState } from '../src/app-state';

/** A request as both clients take it. */
export interface ClientRequest {
  url: string;
  method?: 'get' | 'post';
  params?: Record<string, unknown>;
  data?: unknown;
  skipNotify?: boolean;
}

export type Request = (request: ClientRequest) => Promise<{ data: unknown }>;

/** One row of `applications:list`, as far as the page shows it. */
export interface ApplicationRow {
  name: string;
  displayName?: string | null;
  cname?: string | null;
  status: string;
  state: AppState;
  stateReason?: string | null;
  lastError?: { code?: string; message: string; step?: string } | null;
  startMode: StartMode;
}

export interface ApplicationPage {
  rows: ApplicationRow[];
  total: number;
}

export interface SupervisorInfo {
  version: string;
  state: 'active' | 'restart_required' | 'inert';
  reasonCode?: string;
  message?: string;
}

export interface NewApplication {
  name: string;
  displayName?: string;
  cname?: string;
  startMode: StartMode;
}

export type ApplicationAction = 'start' | 'stop' | 'restart' | 'destroy';

/** The server's actions that the pages call. Every failure is shown by the caller, so no toast comes on top. */
export class SupervisorApi {
  constructor(private readonly request: Request) {}

  async info(): Promise<SupervisorInfo> {
    const body = await this.call<{ data: SupervisorInfo }>({ url: 'appSupervisor:info' });
    return body.data;
  }

  async list(page: number, pageSize: number): Promise<ApplicationPage> {
    const body = await this.call<{ data: ApplicationRow[]; meta?: { count?: number } }>({
      url: 'applications:list',
      params: { page, pageSize },
    });
    return { rows: body.data, total: body.meta?.count ?? body.data.length };
  }

  async create(application: NewApplication): Promise<void> {
    await this.call({ url: 'applications:create', method: 'post', data: application });
  }

  async act(action: ApplicationAction, name: string): Promise<void> {
    await this.call({ url: `applications:${action}`, method: 'post', params: { filterByTk: name } });
  }

  private async call<T>(request: ClientRequest): Promise<T> {
    const response = await this.request({ ...request, skipNotify: true });
    return response.data as T;
  }
}

import type { AppEntry, EntryPlace } from '../../src/app-entry';
import type { Request } from '../api-types';
import { entryUrl } from './entry-url';

/** An entry with the address that leads there from this page; none where there is none, or where it is not available. */
export interface Destination extends AppEntry {
  url?: string;
}

export interface EntryClient {
  request: Request;
  /** The public path of this client in front of a path of its own. */
  routeUrl: (path: string) => string;
  /** The sub-application whose page this is; undefined in the main application. */
  application?: string;
  /** The sub-application that the address of this page names by its path. */
  pathApplication?: string;
}

/** Where block and switcher get what they show. */
export class EntrySource {
  constructor(private readonly client: EntryClient) {}

  /** From the main application into a tab of its own; from one application to another in the same one. */
  get target(): '_blank' | undefined {
    return this.client.application === undefined ? '_blank' : undefined;
  }

  async load(place: EntryPlace): Promise<Destination[]> {
    const { data } = await this.client.request({ url: 'appSupervisor:entries', params: { place }, skipNotify: true });
    const { data: entries } = data as { data: AppEntry[] };
    const { routeUrl, application, pathApplication } = this.client;
    const onOwnHost = application !== undefined && application !== pathApplication;
    const page = { routeUrl, onOwnHost, port: window.location.port };
    return entries.map((entry) => ({ ...entry, url: entry.available ? entryUrl(entry, page) : undefined }));
  }
}

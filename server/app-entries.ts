import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { appAddress } from '../src/app-address';
import {
  compareEntries,
  ENTRY_PLACES,
  isOffered,
  MAIN_ENTRY,
  type AppEntry,
  type EntryPlace,
  type ShownRecord,
} from '../src/app-entry';
import type { AppState } from '../src/app-state';
import { AppError } from '../src/errors';
import type { AppDescriptions } from './app-descriptions';
import type { SupervisorConfig } from './config';
import { translate } from './error-answers';
import type { Registry } from './registry';

/** What offering applications needs of the process around it. */
export interface EntriesHost {
  config: SupervisorConfig;
  registry: Registry;
  descriptions: AppDescriptions;
  active: boolean;
  obstacle?: AppError;
  mainApp(): Application;
}

/** States in which a visit ends at a page that says so. */
const CLOSED: readonly (AppState | undefined)[] = ['stopped', 'quarantined'];

/** The entries of one place, as an application shows them; all of it is in memory. */
export function listEntries(host: EntriesHost, place: EntryPlace, appName: string, mainTitle: string): AppEntry[] {
  const inMain = appName === MAIN_ENTRY;
  const offered = [...host.registry.all()]
    .filter((record) => isOffered(record, place, inMain))
    .map((record) => ({ sort: record.sort, title: record.displayName ?? record.name, record }))
    .sort(compareEntries)
    .map(({ record, title }) => entryOf(host, record, title, appName));
  // Where an operator has made a way from one application to others, there is one back as well.
  return inMain || offered.length === 0 ? offered : [mainEntry(host, mainTitle), ...offered];
}

function entryOf(host: EntriesHost, record: ShownRecord, title: string, appName: string): AppEntry {
  return {
    name: record.name,
    title,
    icon: record.icon ?? null,
    iconImage: record.iconImage ?? null,
    ...appAddress(record, host.config),
    domain: record.cname ?? null,
    available: !CLOSED.includes(host.descriptions.condition(record.name)?.state),
    here: record.name === appName,
  };
}

function mainEntry({ config }: EntriesHost, title: string): AppEntry {
  return {
    name: MAIN_ENTRY,
    title,
    icon: 'HomeOutlined',
    iconImage: null,
    path: `${config.publicPath}/`,
    domain: null,
    hosts: [...config.baseDomains],
    available: true,
    here: false,
  };
}

/** `appSupervisor:entries` of the main application, and of each sub-application. */
export function entriesAction(app: Application, host: EntriesHost) {
  return async (ctx: Context, next: () => Promise<void>): Promise<void> => {
    if (!host.active) throw host.obstacle ?? new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
    const { place: given } = ctx.action.params as { place?: unknown };
    const place = ENTRY_PLACES.find((known) => known === given);
    if (!place) {
      const reason = `it must be one of: ${ENTRY_PLACES.join(', ')}`;
      throw new AppError('APP_VALUE_INVALID', { field: 'place', reason });
    }
    const { language } = (ctx.i18n ?? {}) as { language?: string };
    ctx.body = listEntries(host, place, app.name, translate(host.mainApp(), 'Main application', {}, language));
    await next();
  };
}

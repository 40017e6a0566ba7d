import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { appAddress } from '../src/app-address';
import { compareEntries, ENTRY_PLACES, isOffered, MAIN_ENTRY, type AppEntry, type EntryPlace } from '../src/app-entry';
import type { AppState } from '../src/app-state';
import { AppError } from '../src/errors';
import { phrase } from '../src/phrase';
import type { AppDescriptions } from './app-descriptions';
import type { SupervisorConfig } from './config';
import { languageOf, translate } from './error-answers';
import type { FaultFence } from './lifecycle/fault-fence';
import type { AppIcons } from './app-icons';
import type { Registry } from './registry';

/** What offering applications needs of the process around it. */
export interface EntriesHost {
  config: SupervisorConfig;
  registry: Registry;
  descriptions: AppDescriptions;
  icons: AppIcons;
  active: boolean;
  obstacle?: AppError;
  fence: FaultFence;
  mainApp(): Application;
}

/** States in which a visit ends at a page that says so. */
const CLOSED: readonly (AppState | undefined)[] = ['stopped', 'quarantined'];

/** Whether a visit leads to the application, as its entry shows. */
export function isAvailable(host: Pick<EntriesHost, 'descriptions'>, name: string): boolean {
  return !CLOSED.includes(host.descriptions.condition(name)?.state);
}

/** The entries of one place, as an application shows them.  */
export async function listEntries(
  host: EntriesHost,
  place: EntryPlace,
  appName: string,
  mainTitle: string,
): Promise<AppEntry[]> {
  const inMain = appName === MAIN_ENTRY;
  const records = [...host.registry.all()].filter((record) => isOffered(record, place, inMain));
  const pictures = await host.icons.urlsOf(records.map(({ name }) => name));
  const offered = records
    .map((record) => ({ sort: record.sort, title: record.displayName ?? record.name, record }))
    .sort(compareEntries)
    .map(({ record, title }) => ({ record, title, address: appAddress(record, host.config) }))
    .map(({ record, title, address }) => ({
      name: record.name,
      title,
      icon: record.icon ?? null,
      iconUrl: pictures.get(record.name) ?? null,
      path: address.path,
      hosts: address.hosts,
      domain: record.cname ?? null,
      available: isAvailable(host, record.name),
      here: record.name === appName,
    }));
  // Where an operator has made a way from one application to others, there is one back as well.
  return inMain || offered.length === 0 ? offered : [mainEntry(host, mainTitle), ...offered];
}

function mainEntry({ config }: EntriesHost, title: string): AppEntry {
  return {
    name: MAIN_ENTRY,
    title,
    icon: 'HomeOutlined',
    iconUrl: null,
    path: `${config.publicPath}/`,
    domain: null,
    hosts: [...config.baseDomains],
    available: true,
    here: false,
  };
}

async function mainTitle(host: EntriesHost, language?: string): Promise<string> {
  const app = host.mainApp();
  // It may not have spoken this language yet.
  if (language) await host.fence.outside(() => app.localeManager.loadResourcesByLang(language));
  return translate(app, 'Main application', {}, language);
}

/** `appSupervisor:entries` of the main application, and of each sub-application. */
export function entriesAction(app: Application, host: EntriesHost) {
  return async (ctx: Context, next: () => Promise<void>): Promise<void> => {
    if (!host.active) throw host.obstacle ?? new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
    const { place: given } = ctx.action.params as { place?: unknown };
    const place = ENTRY_PLACES.find((known) => known === given);
    if (!place) {
      const reason = phrase('it must be one of: {values}', { values: ENTRY_PLACES.join(', ') });
      throw new AppError('APP_VALUE_INVALID', { field: 'place', reason });
    }
    ctx.body = await listEntries(host, place, app.name, await mainTitle(host, languageOf(ctx)));
    await next();
  };
}

import { administratorText } from '../../src/first-administrator';
import { ISOLATION_SENTENCES, type IsolationReason } from '../../src/isolation';
import type { ApplicationView, DetailsView, EventView, Session } from './session';
import { facts, table, type Cell } from './table';
import type { Colour } from './terminal';

/** How applications and what happened to them are shown to people. */

const STATE_COLOURS: Record<string, Colour> = {
  ...{ running: 'green', booting: 'cyan', creating: 'cyan', draining: 'cyan' },
  ...{ asleep: 'grey', stopped: 'grey', failed: 'red', quarantined: 'red' },
};

/** A time as the clock on the wall shows it. */
export function clock(time: string | number | null | undefined): string {
  const date = new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return '';
  const two = (number: number) => String(number).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;
}

export function stateCell({ terminal }: Session, state: string): Cell {
  return { text: state, paint: (text) => terminal.paint(STATE_COLOURS[state] ?? 'bold', text) };
}

function databaseText({ databasePlace }: ApplicationView): string {
  const { host, database, schema } = databasePlace;
  return `${host ? `${host}/` : ''}${database}${schema ? `.${schema}` : ''}`;
}

const addressText = ({ address }: ApplicationView) => address.url;

export function applicationTable(
  session: Session,
  applications: readonly ApplicationView[],
  removed = false,
): string[] {
  const { say, terminal } = session;
  const last = removed ? say('PURGED') : say('LAST VISIT');
  const heads = ['ID', say('NAME'), say('STATE'), say('ADDRESS'), last, say('DATABASE'), say('START')];
  const rows = applications.map((application) => [
    application.name,
    application.displayName ?? '',
    stateCell(session, application.state),
    addressText(application),
    clock(removed ? application.purgeAt : application.lastVisitedAt),
    databaseText(application),
    application.startMode,
  ]);
  return table(heads, rows, terminal.width);
}

/** Why an application has no database role of its own, as the end of a sentence. */
export function reasonText({ say }: Session, reason: string | null): string {
  return say(ISOLATION_SENTENCES[reason as IsolationReason] ?? reason ?? '');
}

function isolationText(session: Session, { isolation }: ApplicationView): string | undefined {
  const { say } = session;
  if (!isolation) return undefined;
  const { isolated, reason, sql } = isolation;
  const text = isolated
    ? say('yes, by a database role of its own')
    : say('no, because {reason}', { reason: reasonText(session, reason) });
  return sql ? `${text}: ${sql}` : text;
}

/** Whether applications have database roles of their own. */
export function isolationTable(session: Session, applications: readonly ApplicationView[]): string[] {
  const { say, terminal } = session;
  const rows = applications.map((application) => [
    application.name,
    application.displayName ?? '',
    stateCell(session, application.state),
    isolationText(session, application) ?? '',
  ]);
  return table(['ID', say('NAME'), say('STATE'), say('ISOLATED')], rows, terminal.width);
}

/** The limits that are its own; those by default are not told. */
function limitsText({ limits }: ApplicationView): string | undefined {
  const own = Object.entries(limits ?? {}).map(([name, value]) => `${name} ${value}`);
  return own.length > 0 ? own.join(', ') : undefined;
}

function yesOrNo({ say }: Session, value: boolean | null | undefined): string {
  return value ? say('yes') : say('no');
}

/** The time after which it is put to sleep, if it has one of its own. */
function idleText({ say }: Session, { idleTimeout }: ApplicationView): string {
  if (idleTimeout === null || idleTimeout === undefined) return say('by default');
  return idleTimeout === 0 ? say('never') : say('{count} s', { count: idleTimeout });
}

function versionText({ say }: Session, { version }: DetailsView): string {
  const { core, installedCore } = version;
  if (core === null) return say('not known; {installed} is installed', { installed: installedCore });
  return core === installedCore
    ? core
    : say('{version}; {installed} is installed', { version: core, installed: installedCore });
}

/** @param details what was asked besides; undefined if it was not */
export function applicationFacts(session: Session, application: ApplicationView, details?: DetailsView): string[] {
  const { say } = session;
  const { lastError, stateReason, faults, databasePlace } = application;
  return facts([
    ['ID', application.name],
    [say('Name'), application.displayName],
    [say('State'), `${application.state}${stateReason ? ` (${stateReason})` : ''}`],
    [say('Since'), clock(application.stateSince)],
    [say('Error'), lastError && `${lastError.code}: ${lastError.message}`],
    [say('Next attempt'), clock(application.retryAt)],
    [say('Start mode'), application.startMode],
    [say('Sleeps when unused for'), idleText(session, application)],
    [say('Kept awake'), yesOrNo(session, application.keepAwake)],
    [say('Scheduled work'), application.onSchedule],
    [say('In the switcher'), yesOrNo(session, application.pinned)],
    [say('In the block'), yesOrNo(session, !application.hidden)],
    [say('Icon'), application.icon],
    [say('Language'), typeof application.options?.lang === 'string' ? application.options.lang : undefined],
    [say('Version'), details && versionText(session, details)],
    [say('Addresses'), [application.address.url, ...application.address.hosts, application.address.path].join(', ')],
    [say('Database'), `${databaseText(application)} (${databasePlace.dialect}, ${databasePlace.type})`],
    [say('Database size'), details?.database.bytes ? megabytes(details.database.bytes) : undefined],
    [say('First administrator'), details?.administrator ? administratorText(details.administrator) : undefined],
    [say('Isolated'), isolationText(session, application)],
    [say('Own limits'), limitsText(application)],
    [say('Created'), clock(application.createdAt)],
    [say('Last visit'), clock(application.lastVisitedAt)],
    [say('Next work due'), clock(application.nextDueAt)],
    [say('Faults'), faults && String(faults.count)],
    [say('Removed'), clock(application.removedAt)],
    [say('Purged'), clock(application.purgeAt)],
  ]);
}

function byText({ say }: Session, by: EventView['by']): string {
  if (!by) return '';
  const name = by.name ?? String(by.id ?? '');
  if (by.kind === 'operator') return say('{name}, by command line', { name });
  if (by.kind === 'user') {
    const key = by.apiKey === undefined ? undefined : say('API key {name}', { name: by.apiKey });
    const how = [key, by.address].filter(Boolean).join(', ');
    return how ? `${name} (${how})` : name;
  }
  return by.via ? say('visitor ({via})', { via: by.via }) : say(by.kind);
}

/** The latest last, as in a log. */
export function eventTable(session: Session, events: readonly EventView[]): string[] {
  const { say, terminal } = session;
  const rows = [...events]
    .reverse()
    .map((event) => [clock(event.at), event.type, byText(session, event.by), event.reason ?? '', event.message ?? '']);
  return table([say('TIME'), say('EVENT'), say('BY'), say('REASON'), say('MESSAGE')], rows, terminal.width);
}

import { CHECK_TEXTS, type PreflightCheck } from '../../src/preflight';
import { numberOf, valuesOf } from './arguments';
import { CommandFailure, EXIT } from './failure';
import { allApplications, isMeant } from './fleet';
import { logs } from './logs';
import { knowsDatabase, offlineApplications } from './offline';
import { answer, type ApplicationView, type DetailsView, type EventView, type Session, type Verb } from './session';
import { facts, plain, table } from './table';
import { applicationFacts, applicationTable, eventTable, megabytes, reasonText } from './views';

/** The verbs that look, and change nothing. */

/**
 * What the running NocoBase says; where none runs and the environment tells of its database, what that says.
 * @throws CommandFailure of the one that runs not
 */
async function orOffline<T>(
  session: Session,
  ask: () => Promise<T>,
  choose: (rows: ApplicationView[]) => T,
  removed = false,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof CommandFailure && error.exit === EXIT.noServer && knowsDatabase(session.env))) throw error;
    const rows = await offlineApplications(session.env, removed).catch(() => {
      throw error;
    });
    session.terminal.note(session.say('No NocoBase runs; this is what its database says.'));
    return choose(rows);
  }
}

const list: Verb = async (session) => {
  const { status, name, removed } = session.arguments.options;
  const state = typeof status === 'string' ? status : undefined;
  const found = await orOffline(
    session,
    () => allApplications(session, { state, removed: removed === true }),
    (rows) => rows.filter((row) => !state || state.split(',').includes(row.state)),
    removed === true,
  );
  const meant = typeof name === 'string' ? found.filter((application) => isMeant(application, name)) : found;
  answer(session, meant, () => applicationTable(session, meant, removed === true));
  if (!session.json && meant.length === 0) session.terminal.note(session.say('No applications.'));
  return EXIT.done;
};

/** Undefined where no NocoBase runs. */
async function detailsOf(session: Session, name: string | undefined): Promise<DetailsView | undefined> {
  try {
    return (await session.line.call('applications:details', { query: { filterByTk: name } })).data as DetailsView;
  } catch (error) {
    if (error instanceof CommandFailure) return undefined;
    throw error;
  }
}

const show: Verb = async (session) => {
  const [name] = session.arguments.words;
  const application = await orOffline(
    session,
    async () => (await session.line.call('applications:get', { query: { filterByTk: name } })).data as ApplicationView,
    (rows) => {
      const row = rows.find((one) => one.name === name);
      if (row) return row;
      throw new CommandFailure(EXIT.notFound, 'APP_NOT_FOUND', 'The application "{name}" does not exist.', {
        name: name ?? '',
      });
    },
  );
  const details = session.json || application.removedAt ? undefined : await detailsOf(session, name);
  answer(session, application, () => [
    ...applicationFacts(session, application, details),
    ...(application.events?.length ? ['', ...eventTable(session, application.events)] : []),
  ]);
  return EXIT.done;
};

const events: Verb = async (session) => {
  const [name] = session.arguments.words;
  const pageSize = String(numberOf(session.arguments.options, 'limit', 20));
  const { data } = await session.line.call('applications:events', { query: { filterByTk: name, pageSize } });
  // A removed application has its events all the same; one that never was has none.
  if (data.length === 0) await session.line.call('applications:get', { query: { filterByTk: name } });
  answer(session, data, () => eventTable(session, data as EventView[]));
  return EXIT.done;
};

const status: Verb = async (session) => {
  const { line, say } = session;
  const info = (await line.call('appSupervisor:info')).data;
  const metrics = info.state === 'active' ? (await line.call('appSupervisor:metrics')).data : null;
  const of = (used: number | string, limit: number | string | null) =>
    limit === null ? String(used) : say('{used} of {limit}', { used, limit });
  answer(session, { info, metrics }, () => {
    const states = Object.entries((metrics?.applications.states ?? {}) as Record<string, number>);
    const counted = states.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`);
    const memory =
      metrics && of(megabytes(metrics.memory.rss), metrics.memory.limit && megabytes(metrics.memory.limit));
    return facts([
      [say('Version'), info.version],
      [
        say('Installed version'),
        info.installedVersion && info.installedVersion !== info.version
          ? say('{version}; restart NocoBase to use it', { version: info.installedVersion })
          : undefined,
      ],
      [say('State'), info.message ? `${info.state}: ${info.message}` : info.state],
      [say('Base domains'), info.baseDomains.join(', ')],
      [say('Applications'), `${info.applications}${counted.length ? ` (${counted.join(', ')})` : ''}`],
      [say('Running'), metrics && of(metrics.running.count, metrics.running.limit)],
      [say('Memory'), memory],
      [say('Connections'), metrics?.connections && of(metrics.connections.used, metrics.connections.limit)],
      [
        say('Boot queue'),
        metrics &&
          say('{booting} of {concurrency} places taken, {waiting} waiting', {
            booting: metrics.queue.booting,
            concurrency: metrics.queue.concurrency,
            waiting: metrics.queue.waiting,
          }),
      ],
      [say('Boots in the last hour'), metrics && String(metrics.boots.length)],
    ]);
  });
  return EXIT.done;
};

interface ForeseenIsolation {
  isolated: boolean;
  reason: string | null;
  sql: string | null;
  openDatabases: string[];
}

function isolationLines(session: Session, isolation: ForeseenIsolation | null): string[] {
  if (!isolation) return [];
  const { say } = session;
  const { isolated, reason, sql, openDatabases } = isolation;
  const text = isolated
    ? say('Isolated: yes, by a database role of its own')
    : say('Isolated: no, because {reason}', { reason: reasonText(session, reason) });
  const open = openDatabases.length
    ? [say('Every new role may connect to: {names}', { names: openDatabases.join(', ') })]
    : [];
  return ['', plain(text), ...(sql ? [plain(sql)] : []), ...open.map(plain)];
}

const checkDatabase: Verb = async (session) => {
  const { say, terminal } = session;
  const [name] = session.arguments.words;
  const body = { ...valuesOf(session.arguments), ...(name && { name }) };
  const { data } = await session.line.call('applications:checkDatabase', { body });
  const checks = data.checks as { check: PreflightCheck; ok: boolean; message?: string; advice?: string }[];
  answer(session, data, () => {
    const rows = checks.map(({ check, ok, message }) => [
      { text: ok ? say('yes') : say('no'), paint: (text: string) => terminal.paint(ok ? 'green' : 'red', text) },
      say(CHECK_TEXTS[check]),
      message ?? '',
    ]);
    // A sentence is read to its end, however narrow the terminal.
    const lines = table([say('OK'), say('CHECK'), say('MESSAGE')], rows);
    const advices = checks.flatMap(({ advice }) => (advice ? ['', plain(advice)] : []));
    return [...lines, ...advices, ...isolationLines(session, data.isolation as ForeseenIsolation | null)];
  });
  return data.ok ? EXIT.done : EXIT.refused;
};

/** The address alone, for scripts and for the terminal's own links. */
const url: Verb = async (session) => {
  const query = { filterByTk: session.arguments.words[0] };
  const { address } = (await session.line.call('applications:get', { query })).data as ApplicationView;
  answer(session, address, () => [address.url]);
  return EXIT.done;
};

export const LOOKING: Record<string, Verb> = { list, show, url, events, logs, status, 'check-database': checkDatabase };

import { setTimeout as pause } from 'node:timers/promises';
import { APP_STATES, type AppState, hasFailed } from '../../src/app-state';
import { CommandFailure, EXIT, usage } from './failure';
import { allApplications, namesMeant } from './fleet';
import { answer, type ApplicationView, type Session, type Verb } from './session';
import { applicationTable } from './views';
import { waitFor } from './waiting';

/** `nocobase app wait`: for scripts that go on when applications have come to a state. */

const LOOK_MS = 1_000;
/** As many IDs as fit into an address. */
const MOST_NAMED = 100;
const STATES = Object.keys(APP_STATES) as AppState[];

function statesOf(text: string | boolean | undefined): AppState[] {
  if (typeof text !== 'string') return ['running'];
  const states = text.split(',').map((word) => word.trim()) as AppState[];
  if (states.every((state) => STATES.includes(state))) return states;
  throw usage('--{option} wants one or more of: {values}.', { option: 'for', values: STATES.join(', ') });
}

async function look(session: Session, names: readonly string[]): Promise<ApplicationView[]> {
  const filter = JSON.stringify({ name: { $in: names } });
  const query = { filter, pageSize: String(MOST_NAMED), sort: 'name' };
  const found =
    names.length > MOST_NAMED
      ? await allApplications(session)
      : ((await session.line.call('applications:list', { query })).data as ApplicationView[]);
  return names.map((name) => {
    const application = found.find((one) => one.name === name);
    if (application) return application;
    throw new CommandFailure(EXIT.notFound, 'APP_NOT_FOUND', 'The application "{name}" does not exist.', { name });
  });
}

/** Also waits for a NocoBase that does not run yet. */
async function whenListening<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof CommandFailure && error.exit === EXIT.noServer) return undefined;
    throw error;
  }
}

/** Waits until each application is in one of the states. @throws CommandFailure if one failed, and that is not waited for */
export const wait: Verb = async (session) => {
  const { arguments: given, say, stop } = session;
  const wanted = statesOf(given.options.for);
  const isThere = ({ state }: ApplicationView) => wanted.includes(state as AppState);
  const ended = new AbortController();
  const signal = AbortSignal.any([stop, ended.signal]);
  let progress = say('No NocoBase runs yet.');
  const arrived = async (): Promise<ApplicationView[]> => {
    let names: string[] | undefined;
    for (;;) {
      signal.throwIfAborted();
      names ??= await whenListening(() => namesMeant(session, given.words));
      const found = names && (await whenListening(() => look(session, names ?? [])));
      if (found?.every(isThere)) return found;
      const failed = found?.find((application) => hasFailed(application.state as AppState) && !isThere(application));
      if (failed) {
        const { code = 'APP_BOOT_FAILED', message = '' } = failed.lastError ?? {};
        throw new CommandFailure(EXIT.failed, code, '{name}: {message}', { name: failed.name, message });
      }
      const late = found?.filter((application) => !isThere(application)) ?? [];
      progress = found ? late.map(({ name, state }) => `${name}: ${state}`).join(', ') : say('No NocoBase runs yet.');
      await pause(LOOK_MS, undefined, { signal });
    }
  };
  try {
    const found = await waitFor(session, say('The applications go on.'), arrived(), () => Promise.resolve(progress));
    answer(session, found, () => applicationTable(session, found, false));
    return EXIT.done;
  } finally {
    ended.abort();
  }
};

import { valuesOf } from './arguments';
import { EXIT, exitOfCode, usage } from './failure';
import { namesMeant } from './fleet';
import type { Call } from './line';
import { answer, type ApplicationView, type Session, type Verb } from './session';
import { facts, table } from './table';
import { applicationFacts, applicationTable, clock, isolationTable } from './views';
import { fleetProgress, waitFor } from './waiting';

/** The verbs that make, change and remove applications. */

/** What has become of one application of several. */
type Result =
  | { name: string; ok: true; application: Record<string, unknown> }
  | { name: string; ok: false; code: string; message: string };

/** As many as REST takes at a time. */
const BATCH = 200;

const goesOn = ({ say }: Session, name: string) =>
  say('NocoBase goes on with the work; nocobase app show {name} tells how far it is.', { name });

const named = (names: readonly string[]) => (names.length === 1 ? (names[0] ?? '') : '<id>');

/**
 * Asks for work on one application, and waits for its end where that is wanted.
 * @param name of the one that is watched meanwhile, where it is known
 */
async function ask(session: Session, action: string, name: string | undefined, { query, body }: Call) {
  const { line } = session;
  if (!session.arguments.options.wait) return (await line.call(action, { query, body, patient: true })).data;
  const work = line.call(action, { query: { ...query, wait: 'true' }, body, patient: true });
  const look = async () => (name ? fleetProgress(session, [name]) : undefined);
  return (await waitFor(session, goesOn(session, name ?? '<id>'), work, look)).data;
}

const create: Verb = async (session) => {
  const [name] = session.arguments.words;
  const body = { ...valuesOf(session.arguments), ...(name && { name }) };
  const data = await ask(session, 'applications:create', name, { body });
  answer(session, data, () => applicationFacts(session, data as ApplicationView));
  return EXIT.done;
};

const clone: Verb = async (session) => {
  const [source, name] = session.arguments.words;
  const body = { ...valuesOf(session.arguments), ...(name && { name }) };
  const data = await ask(session, 'applications:clone', name, { query: { filterByTk: source }, body });
  answer(session, data, () => applicationFacts(session, data as ApplicationView));
  return EXIT.done;
};

const update: Verb = async (session) => {
  const body = valuesOf(session.arguments);
  if (Object.keys(body).length === 0) throw usage('Say what is to be changed; see nocobase app update --help.');
  const query = { filterByTk: session.arguments.words[0] };
  const { data } = await session.line.call('applications:update', { query, body });
  answer(session, data, () => applicationFacts(session, data as ApplicationView));
  return EXIT.done;
};

const restore: Verb = async (session) => {
  const [name] = session.arguments.words;
  const data = await ask(session, 'applications:restore', name, { query: { filterByTk: name } });
  answer(session, data, () => applicationFacts(session, data as ApplicationView));
  return EXIT.done;
};

/** The same with each of several; a failure of one stops no other. */
async function each(names: readonly string[], act: (names: string[]) => Promise<unknown>) {
  const results: Result[] = [];
  for (let from = 0; from < names.length; from += BATCH) {
    results.push(...((await act(names.slice(from, from + BATCH))) as { results: Result[] }).results);
  }
  return results;
}

function tellFailures({ terminal, json }: Session, results: readonly Result[]): number {
  const failed = results.filter((result) => !result.ok);
  for (const { name, code, message } of failed) {
    terminal.note(json ? JSON.stringify({ error: { application: name, code, message } }) : `${name}: ${message}`);
  }
  return failed.length ? Math.max(...failed.map(({ code }) => exitOfCode(code))) : EXIT.done;
}

const perform =
  (action: 'start' | 'stop' | 'restart'): Verb =>
  async (session) => {
    const names = await namesMeant(session, session.arguments.words);
    if (names.length === 1) {
      const data = await ask(session, `applications:${action}`, names[0], { query: { filterByTk: names[0] } });
      answer(session, data, () => applicationTable(session, [data as ApplicationView]));
      return EXIT.done;
    }
    const wait = session.arguments.options.wait ? 'true' : undefined;
    const work = each(names, async (batch) => {
      const call = { query: { wait }, body: { names: batch }, patient: true };
      return (await session.line.call(`applications:${action}`, call)).data;
    });
    const results = await (wait
      ? waitFor(session, goesOn(session, named(names)), work, () => fleetProgress(session, names))
      : work);
    const done = results.flatMap((result) => (result.ok ? [result.application as unknown as ApplicationView] : []));
    answer(session, { results }, () => applicationTable(session, done));
    return tellFailures(session, results);
  };

const isolate: Verb = async (session) => {
  const { words, options } = session.arguments;
  if (words.length > 0 === Boolean(options.all)) throw usage('Name applications, or say --all.');
  const call = async (query: Record<string, string>, body?: object) =>
    (await session.line.call('applications:isolate', { query, body, patient: true })).data;
  const results = options.all
    ? ((await call({ all: 'true' })) as { results: Result[] }).results
    : await each(await namesMeant(session, words), (names) => call({}, { names }));
  const done = results.flatMap((result) => (result.ok ? [result.application as unknown as ApplicationView] : []));
  answer(session, { results }, () => isolationTable(session, done));
  if (!session.json && results.length === 0) {
    session.terminal.note(session.say('Every application that may have a database role of its own has one.'));
  }
  return tellFailures(session, results);
};

interface Removed {
  name: string;
  database: string;
  databaseDropped: boolean;
  purgeAt: string | null;
}

function removedTable({ say, terminal }: Session, removed: readonly Removed[]): string[] {
  return table(
    ['ID', say('DATABASE'), say('DROPPED'), say('PURGED')],
    removed.map((one) => [
      one.name,
      one.database,
      one.databaseDropped ? say('yes') : say('no'),
      one.purgeAt ? clock(one.purgeAt) : say('now'),
    ]),
    terminal.width,
  );
}

const remove: Verb = async (session) => {
  const { line, say, terminal } = session;
  const { yes, purge, 'drop-database': drop } = session.arguments.options;
  const names = await namesMeant(session, session.arguments.words);
  if (!yes) {
    const list = names.join(', ');
    const question =
      purge && drop
        ? say('Remove {names} for good, and drop the databases that were made for them?', { names: list })
        : purge
          ? say('Remove {names} for good?', { names: list })
          : drop
            ? say('Remove {names}, and drop the databases that were made for them when their time is over?', {
                names: list,
              })
            : say('Remove {names}?', { names: list });
    const hint = 'Nothing was removed: nobody can be asked here. Say --yes to remove without a question.';
    if (!(await terminal.confirm(question, hint))) {
      terminal.note(say('Nothing was removed.'));
      return EXIT.refused;
    }
  }
  const query = { purge: purge ? 'true' : undefined, dropDatabase: drop ? 'true' : undefined };
  session.interruption = say('What is removed already stays removed; nocobase app list --removed tells.');
  const call = async (extra: Record<string, string | undefined>, body?: object) =>
    (await line.call('applications:destroy', { query: { ...query, ...extra }, body, patient: true })).data;
  if (names.length === 1) {
    const data = await call({ filterByTk: names[0] });
    answer(session, data, () => removedTable(session, [data as Removed]));
    return EXIT.done;
  }
  const results = await each(names, (batch) => call({}, { names: batch }));
  const done = results.flatMap((result) => (result.ok ? [result.application as unknown as Removed] : []));
  answer(session, { results }, () => removedTable(session, done));
  return tellFailures(session, results);
};

/** Deletes removed applications for good. */
const purge: Verb = async (session) => {
  const { line, say, terminal } = session;
  const { words: names, options } = session.arguments;
  if (!options.yes) {
    const question = say('Delete {names} permanently?', { names: names.join(', ') });
    const hint = 'Nothing was deleted: no terminal for the question. Use --yes to delete without a question.';
    if (!(await terminal.confirm(question, hint))) {
      terminal.note(say('Nothing was deleted.'));
      return EXIT.refused;
    }
  }
  const results = await each(names, async (batch) => {
    return (await line.call('applications:purge', { body: { names: batch }, patient: true })).data;
  });
  const done = results.flatMap((result) => (result.ok ? [result.application as unknown as Removed] : []));
  answer(session, { results }, () => removedTable(session, done));
  return tellFailures(session, results);
};

const acceptDatabase: Verb = async (session) => {
  const { say, terminal } = session;
  const [name = ''] = session.arguments.words;
  if (!session.arguments.options.yes) {
    const question = say('Accept the database of {name} as it is? Its users will see the data in it.', { name });
    const hint = 'Nothing was accepted: no terminal for the question. Use --yes to accept without a question.';
    if (!(await terminal.confirm(question, hint))) {
      terminal.note(say('Nothing was accepted.'));
      return EXIT.refused;
    }
  }
  const data = await ask(session, 'applications:acceptDatabase', name, { query: { filterByTk: name } });
  answer(session, data, () => applicationFacts(session, data as ApplicationView));
  return EXIT.done;
};

const resetPassword: Verb = async (session) => {
  const { line, say } = session;
  const query = { filterByTk: session.arguments.words[0] };
  const { data } = await line.call('applications:resetPassword', {
    query,
    body: valuesOf(session.arguments),
    patient: true,
  });
  answer(session, data, () =>
    facts([
      [say('User name'), data.username],
      [say('E-mail'), data.email],
      [say('Password'), data.password],
    ]),
  );
  return EXIT.done;
};

export const ACTING: Record<string, Verb> = {
  ...{ create, update, clone, remove, restore, purge, isolate },
  'accept-database': acceptDatabase,
  'reset-password': resetPassword,
  ...{ start: perform('start'), stop: perform('stop'), restart: perform('restart') },
};

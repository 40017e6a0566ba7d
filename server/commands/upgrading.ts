import { EXIT, exitOfCode, usage } from './failure';
import { namesMeant } from './fleet';
import { answer, type Session, type Verb } from './session';
import { table } from './table';
import { waitFor } from './waiting';

interface Item {
  name: string;
  state?: string;
  outcome?: string;
  from: string | null;
  to: string;
  plugins: unknown[];
  error: { code: string; message: string } | null;
}

interface Run {
  total: number;
  counts: Record<string, number>;
  applications: Item[];
}

function itemTable({ say, terminal }: Session, items: readonly Item[]): string[] {
  const rows = items.map((item) => [
    item.name,
    item.outcome ?? item.state ?? '',
    item.from ?? '',
    item.to,
    item.plugins.length ? String(item.plugins.length) : '',
    item.error?.message ?? '',
  ]);
  const heads = ['ID', say('STATE'), say('FROM'), say('TO'), say('PLUGINS'), say('MESSAGE')];
  return table(heads, rows, terminal.width);
}

const countsText = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');

async function anyName({ line }: Session): Promise<string | undefined> {
  const { data } = await line.call('applications:list', { query: { pageSize: '1' } });
  return (data as { name: string }[])[0]?.name;
}

/** Databases are asked for each application that is named in it; one is enough to hear of the run. */
async function progress({ line, say }: Session, name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return undefined;
  const { data } = await line.call('applications:upgradePlan', { query: { filterByTk: name } });
  const run = data.run as Run | null;
  return run ? say('{total} applications: {states}', { total: run.total, states: countsText(run.counts) }) : undefined;
}

/** Many at once are one run of the server: `upgrade`. */
export const upgrade: Verb = async (session) => {
  const { line, say } = session;
  const { words, options } = session.arguments;
  if (words.length > 0 === Boolean(options.all)) {
    if (!(options.plan && words.length === 0)) throw usage('Name applications, or say --all.');
  }
  const names = words.length ? await namesMeant(session, words) : undefined;
  if (options.plan) {
    const body = names && { names };
    const { data } = await line.call('applications:upgradePlan', { body, patient: true });
    answer(session, data, () => itemTable(session, data.applications as Item[]));
    return EXIT.done;
  }
  const query = { force: options.force ? 'true' : undefined, all: names ? undefined : 'true' };
  if (!options.wait) {
    const { data } = await line.call('applications:upgrade', { query, body: names && { names } });
    answer(session, data, () => itemTable(session, (data as Run).applications));
    return EXIT.done;
  }
  const first = names?.[0] ?? (await anyName(session));
  const work = line.call('applications:upgrade', {
    query: { ...query, wait: 'true' },
    body: names && { names },
    patient: true,
  });
  const goesOn = say('NocoBase goes on with the upgrade; nocobase app upgrade --all --wait joins it.');
  const { data } = await waitFor(session, goesOn, work, () => progress(session, first));
  const { applications } = data as Run;
  answer(session, data, () => itemTable(session, applications));
  const codes = applications.flatMap(({ outcome, error }) => (outcome === 'failed' ? [error?.code ?? ''] : []));
  return codes.length ? Math.max(...codes.map(exitOfCode)) : EXIT.done;
};

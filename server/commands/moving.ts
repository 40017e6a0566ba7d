import { constants, createWriteStream, existsSync, lstatSync } from 'node:fs';
import { access, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { valuesOf } from './arguments';
import { CommandFailure, EXIT, failureOf, usage } from './failure';
import { answer, type Session, type Verb } from './session';
import { facts, table } from './table';
import { clock, megabytes } from './views';
import { waitFor } from './waiting';

/** The verbs that move an application, by an archive. */

interface Job {
  id: string | number;
  kind: string;
  application: string;
  archive: string | null;
  outcome: string;
  step: string;
  bytes: number;
  total: number | null;
  warnings: { code?: string; message?: string }[];
}

function jobFacts({ say }: Session, job: Job): string[] {
  const warnings = job.warnings.map((warning) => warning.message ?? warning.code ?? JSON.stringify(warning));
  return facts([
    [say('Application'), job.application],
    [say('Archive'), job.archive],
    [say('State'), job.outcome],
    [say('Size'), job.bytes && job.outcome === 'done' ? megabytes(job.bytes) : null],
    [say('Warnings'), warnings.join('; ')],
  ]);
}

async function jobProgress({ line }: Session, kind: string, name?: string): Promise<string | undefined> {
  const query = { kind, application: name, pageSize: '1' };
  const [job] = (await line.call('applications:archiveJobs', { query })).data as Job[];
  if (job?.outcome !== 'running') return undefined;
  const share = job.total ? ` ${Math.floor((100 * job.bytes) / job.total)} %` : '';
  return `${job.application}: ${job.step}${share}`;
}

/**
 * Whether an archive may be written to this file, or to standard output (`-`); asks before it replaces a file.
 * @throws CommandFailure
 */
async function mayWrite({ say, terminal, json, arguments: { options } }: Session, file: string): Promise<boolean> {
  if (file === '-') {
    if (json) throw usage('The archive and an answer in JSON cannot both go to standard output.');
    if (terminal.width !== undefined) {
      throw usage('An archive is nothing for a terminal: name a file, or put a pipe behind.');
    }
    return true;
  }
  await mustBeWritable(file);
  const hint = 'The file exists, and nobody can be asked here. Say --yes to write over it.';
  return !existsSync(file) || Boolean(options.yes) || terminal.confirm(say('Write over {file}?', { file }), hint);
}

const exportVerb: Verb = async (session) => {
  const { line, say } = session;
  const [name] = session.arguments.words;
  const { output, wait } = session.arguments.options;
  const file = typeof output === 'string' ? output : undefined;
  if (file && !(await mayWrite(session, file))) return EXIT.refused;
  const patient = Boolean(wait || file);
  const query = { filterByTk: name, wait: patient ? 'true' : undefined };
  const work = line.call('applications:export', { query, patient });
  const goesOn = say('NocoBase goes on with the export; nocobase app events {name} tells of its end.', {
    name: name ?? '',
  });
  const { data } = await (patient ? waitFor(session, goesOn, work, () => jobProgress(session, 'export', name)) : work);
  const job = data as Job;
  if (file) await fetchArchive(session, job.archive ?? '', file);
  if (file === '-') return EXIT.done;
  answer(session, data, () => [...jobFacts(session, job), ...(file ? facts([[say('File'), file]]) : [])]);
  return EXIT.done;
};

/** Known before the work is done for nothing. @throws CommandFailure */
async function mustBeWritable(file: string): Promise<void> {
  const writable = constants.W_OK | constants.X_OK;
  let code = await access(path.dirname(file), writable).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (existsSync(file) && lstatSync(file).isDirectory()) code = 'EISDIR';
  if (code) throw new CommandFailure(EXIT.failed, code, '{file} cannot be written ({code}).', { file, code });
}

async function fetchArchive(session: Session, archive: string, file: string): Promise<void> {
  session.interruption = session.say('The archive {archive} stays on the server.', { archive });
  session.wholeOutput = file === '-';
  const fetching = file === '-' ? pass(session, archive) : save(session, archive, file);
  session.cleanUp = fetching.catch(() => undefined);
  try {
    await fetching;
  } catch (error) {
    // What is no error of the local file, is one of the connection.
    throw failureOf(error) ?? session.line.broken(error);
  } finally {
    session.interruption = undefined;
  }
}

async function pass({ line, terminal, stop }: Session, archive: string): Promise<void> {
  const source = await line.download('applications:downloadArchive', { filterByTk: archive }, stop);
  await pipeline(source, terminal.output(), { end: false, signal: stop });
}

/** Whole or not at all; readable by its owner only, as the archive is as secret as the application. */
async function save({ line, terminal, stop }: Session, archive: string, file: string): Promise<void> {
  const part = `${file}.part`;
  // Nothing is written through what lies there, be it a link to elsewhere.
  await rm(part, { force: true });
  const source = await line.download('applications:downloadArchive', { filterByTk: archive }, stop);
  let got = 0;
  const total = Number(source.headers['content-length']) || 0;
  source.on('data', (chunk: Buffer) => {
    got += chunk.length;
    if (total) terminal.progress(`${archive}: ${Math.floor((100 * got) / total)} %`);
  });
  try {
    await pipeline(source, createWriteStream(part, { mode: 0o600, flags: 'wx' }), { signal: stop });
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
    terminal.clear();
  }
}

const importVerb: Verb = async (session) => {
  const { line, say, terminal } = session;
  const [name] = session.arguments.words;
  const { file, archive, wait } = session.arguments.options;
  if (Boolean(file) === Boolean(archive)) throw usage('Say where the archive is: --file, or --archive.');
  const values = { ...valuesOf(session.arguments), ...(name && { name }) };
  const query = { wait: wait ? 'true' : undefined };
  const goesOn = say('NocoBase goes on with the import; nocobase app show {name} tells whether it is done.', {
    name: name ?? '<id>',
  });
  const given = say('The upload was given up; nothing was imported.');
  let sending = Boolean(file);
  const told = (sent: number, total: number) => {
    terminal.progress(`${String(file)}: ${Math.floor((100 * sent) / Math.max(1, total))} %`);
    if (sent < total) return;
    sending = false;
    session.interruption = goesOn;
  };
  const work =
    typeof file === 'string'
      ? line.upload('applications:import', file, { query, body: values, told })
      : line.call('applications:import', { query, body: { ...values, archive }, patient: true });
  const look = async () => (sending ? undefined : jobProgress(session, 'import', name));
  const { data } = await waitFor(session, sending ? given : goesOn, work, look);
  answer(session, data, () => jobFacts(session, data as Job));
  return EXIT.done;
};

interface StoredArchive {
  name: string;
  size: number;
  storedAt: string;
  deletedAt: string | null;
}

const archives: Verb = async (session) => {
  const { line, say, terminal } = session;
  const [application] = session.arguments.words;
  const query = { application, pageSize: '200' };
  const found = (await line.call('applications:listArchives', { query })).data as StoredArchive[];
  answer(session, found, () =>
    table(
      [say('ARCHIVE'), say('SIZE'), say('CREATED'), say('KEPT UNTIL')],
      found.map((one) => [
        one.name,
        megabytes(one.size),
        clock(one.storedAt),
        one.deletedAt ? clock(one.deletedAt) : '',
      ]),
      terminal.width,
    ),
  );
  if (!session.json && found.length === 0) terminal.note(say('No archives.'));
  return EXIT.done;
};

const download: Verb = async (session) => {
  const [archive = ''] = session.arguments.words;
  const { output } = session.arguments.options;
  const file = typeof output === 'string' ? output : path.basename(archive);
  if (!(await mayWrite(session, file))) return EXIT.refused;
  await fetchArchive(session, archive, file);
  if (file !== '-') answer(session, { archive, file }, () => facts([[session.say('File'), file]]));
  return EXIT.done;
};

export const MOVING: Record<string, Verb> = { export: exportVerb, import: importVerb, archives, download };

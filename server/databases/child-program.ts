import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';

/** A program of the database's makers that runs for us. */
export interface ChildProgram {
  /** Its name in `PATH`, or its file. */
  program: string;
  /** Seen by everybody on the machine: no secret may stand here. */
  args: readonly string[];
  /** The whole environment of the child, beside where programs are found; the password stands here. */
  env: Record<string, string | undefined>;
  /** Closed when the program ends early. */
  input?: Readable;
  output?: Writable;
  timeoutMs: number;
  signal?: AbortSignal;
}

const KILL_AFTER_MS = 5_000;
const KEPT_OF_STDERR = 16 * 1024;
const KEPT_OF_STDOUT = 4 * 1024;
const SHOWN = 300;

/** The end of a program that did not do its work; `details` are for the log, without what must not stand there. */
export class ProgramFailure extends Error {
  override readonly name = 'ProgramFailure';

  constructor(
    readonly program: string,
    readonly code: string,
    readonly details: string,
  ) {
    super(`${program} ended with ${code}: ${details}`);
  }
}

/** The last bytes of a text that comes in pieces. */
function tail(stream: Readable | null, bytes: number): () => string {
  let kept = Buffer.alloc(0);
  stream?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-bytes);
  });
  return () => kept.toString('utf8');
}

/** What a program complained of: its first line that says so, without secrets, and without the data it was handling. */
export function cleanComplaint(text: string, secrets: readonly (string | undefined)[]): string {
  const lines = text.split('\n').filter((line) => /error|fatal/i.test(line));
  let line = lines[0] ?? '';
  for (const secret of secrets) if (secret) line = line.replaceAll(secret, '…');
  return line
    .replace(/\w+:\/\/\S*/g, '…')
    .replace(/password\s*=\s*\S+/gi, 'password=…')
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, SHOWN)
    .trim();
}

const CLIENT_PACKAGES = [
  { program: /^pg_/, name: 'postgresql-client' },
  { program: /^mariadb/, name: 'mariadb-client' },
  // The programs of MySQL's makers: on Debian, `default-mysql-client` has those of MariaDB.
  { program: /^mysql/, name: 'mysql-client' },
];

/** The package of Debian and Ubuntu that brings a program. @param major of the version that is needed */
export function clientPackage(program: string, major?: number): string {
  const name = CLIENT_PACKAGES.find((known) => known.program.test(program))?.name ?? program;
  return name === 'postgresql-client' && major ? `${name}-${major}` : name;
}

function passwords(env: ChildProgram['env']): (string | undefined)[] {
  return Object.entries(env).flatMap(([name, value]) => (/PASSWORD|PWD/.test(name) ? [value] : []));
}

/**
 * Runs a program to its end.
 * @returns the last of what it wrote, where that goes nowhere else
 * @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TIMEOUT, APP_SHUTTING_DOWN when it was given up, ProgramFailure, and what its
 * input or output throws
 */
export async function runProgram(child: ChildProgram): Promise<string> {
  const { args, env, input, output, timeoutMs, signal } = child;
  const program = path.basename(child.program);
  signal?.throwIfAborted();
  const process_ = spawn(child.program, [...args], {
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...env },
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const complaint = tail(process_.stderr, KEPT_OF_STDERR);
  const answer = output ? () => '' : tail(process_.stdout, KEPT_OF_STDOUT);
  let late = false;
  let killer: NodeJS.Timeout | undefined;
  const end = () => {
    process_.kill('SIGTERM');
    killer ??= setTimeout(() => process_.kill('SIGKILL'), KILL_AFTER_MS);
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  // What goes wrong with a stream ends the program; the program's own end says more than a broken pipe.
  let broken: unknown;
  const flow = async (from: Readable, to: Writable) => {
    await pipeline(from, to).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
      broken ??= error;
      end();
    });
  };
  const flows: Promise<void>[] = [];
  if (input && process_.stdin) flows.push(flow(input, process_.stdin));
  if (output && process_.stdout) flows.push(flow(process_.stdout, output));
  try {
    const code = await new Promise<string | undefined>((resolve, reject) => {
      process_.once('error', reject);
      process_.once('close', (status, killed) => resolve(status === 0 ? undefined : (killed ?? `code ${status}`)));
    });
    await Promise.all(flows);
    if (late) throw new AppError('APP_DUMP_TIMEOUT', { program, seconds: Math.round(timeoutMs / 1_000) });
    signal?.throwIfAborted();
    if (broken) throw broken as Error;
    if (code !== undefined) {
      throw new ProgramFailure(program, code, cleanComplaint(complaint(), passwords(env)));
    }
    return answer();
  } catch (error) {
    input?.destroy();
    output?.destroy();
    if (
      (error as NodeJS.ErrnoException).code === 'ENOENT' &&
      (error as NodeJS.ErrnoException).syscall?.startsWith('spawn')
    )
      throw new AppError('APP_DUMP_TOOL_MISSING', { program, package: clientPackage(program) }, error);
    throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    signal?.removeEventListener('abort', end);
  }
}

/** The error of a program that does not even tell its version. */
export function startFailure(program: string, error: unknown): AppError {
  if (isAppError(error)) return error;
  const code = error instanceof ProgramFailure ? error.code : String((error as NodeJS.ErrnoException).code);
  const name = path.basename(program);
  return new AppError('APP_DUMP_FAILED', { program: name, reason: phrase('exit code {code}', { code }) }, error);
}

/** What `<program> --version` says. @throws APP_DUMP_TOOL_MISSING */
export function programAnswer(program: string): Promise<string> {
  return runProgram({ program, args: ['--version'], env: {}, timeoutMs: 10_000 });
}

/** The version in it, as in `pg_dump (PostgreSQL) 15.3`. */
export async function programVersion(program: string): Promise<{ text: string; major: number }> {
  const said = await programAnswer(program);
  const found = /(\d+)(?:\.\d+)*/.exec(said);
  return { text: found?.[0] ?? 'unknown', major: Number(found?.[1] ?? 0) };
}

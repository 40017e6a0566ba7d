import { commandSocket } from '../command-socket';
import { ACTING } from './acting';
import { readArguments, readsInput } from './arguments';
import { open } from './browser';
import { completion } from './completion';
import { CommandFailure, EXIT, failureOf } from './failure';
import { generalHelp, verbHelp } from './help';
import { speaking, terminalLanguage } from './language';
import { SupervisorLine } from './line';
import { LOOKING } from './looking';
import { MOVING } from './moving';
import type { Session, Verb } from './session';
import { wait } from './state-wait';
import { Terminal, type Streams } from './terminal';
import { upgrade } from './upgrading';

const HANDLERS: Record<string, Verb> = { ...LOOKING, ...ACTING, ...MOVING, upgrade, wait, open, completion };

const OWN_STREAMS: Streams = {
  /** Not before it is asked for: Node makes standard input one that cannot be waited for, as soon as it is looked at. */
  get in() {
    return process.stdin;
  },
  out: process.stdout,
  err: process.stderr,
};

/**
 * `nocobase app …`, from its words to its exit code. Needs nothing of NocoBase: it speaks with the running one through
 * the socket, and never starts another.
 */
export async function runAppCommand(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  streams: Streams = OWN_STREAMS,
): Promise<number> {
  const language = terminalLanguage(env);
  const say = speaking(language);
  const terminal = new Terminal(streams, env);
  let session: Session | undefined;

  const stop = new AbortController();
  let onInterrupt = () => undefined as void;
  const interrupted = new Promise<number>((resolve) => {
    const end = () => resolve(EXIT.interrupted);
    onInterrupt = () => {
      // Whoever presses it again does not wait for anything.
      if (stop.signal.aborted) return end();
      terminal.clear();
      if (session?.interruption) terminal.note(session.interruption);
      stop.abort();
      void Promise.resolve(session?.cleanUp).then(end);
    };
  });
  process.on('SIGINT', onInterrupt);
  const unwritten = new Promise<number>((resolve, reject) => {
    const onError = ({ code = '' }: NodeJS.ErrnoException) => {
      const sentence = 'The answer could not be written ({code}).';
      // Whoever reads has read enough.
      if (code === 'EPIPE' && !session?.wholeOutput) resolve(EXIT.done);
      else reject(new CommandFailure(EXIT.failed, 'OUTPUT_FAILED', sentence, { code }));
    };
    for (const stream of [streams.out, streams.err]) stream.on('error', onError);
  });

  const carryOut = async (): Promise<number> => {
    const read = readArguments(argv);
    const { spec, options } = read;
    if (!spec) {
      if (options.help) terminal.print(generalHelp(say));
      else terminal.note(...generalHelp(say).split('\n'));
      return options.help ? EXIT.done : EXIT.usage;
    }
    if (options.help) {
      terminal.print(verbHelp(spec, say));
      return EXIT.done;
    }
    const socket = typeof options.socket === 'string' ? options.socket : commandSocket(env);
    const line = new SupervisorLine(socket, language, env);
    session = { line, terminal, say, env, arguments: read, json: options.json === true, stop: stop.signal };
    terminal.waits = options.wait === true;
    if (readsInput(read)) read.input = await terminal.input();
    const verb = HANDLERS[spec.verb];
    if (!verb) throw new Error(`no handler of ${spec.verb}`);
    return verb(session);
  };

  const carriedOut = carryOut().then(async (code) => {
    await terminal.written();
    return code;
  });
  const told = Promise.race([carriedOut, unwritten]).catch((error: unknown) => {
    if (stop.signal.aborted) return interrupted;
    const failure = failureOf(error);
    if (!failure) throw error;
    const message = say(failure.sentence, failure.params);
    terminal.note(session?.json ? JSON.stringify({ error: { code: failure.code, message } }) : message);
    return failure.exit;
  });
  return Promise.race([told, interrupted]).finally(() => process.off('SIGINT', onInterrupt));
}

import { commandSocket } from '../command-socket';
import { ACTING } from './acting';
import { readArguments } from './arguments';
import { EXIT, failureOf } from './failure';
import { generalHelp, verbHelp } from './help';
import { speaking, terminalLanguage } from './language';
import { SupervisorLine } from './line';
import { LOOKING } from './looking';
import { MOVING } from './moving';
import type { Session, Verb } from './session';
import { Terminal, type Streams } from './terminal';
import { upgrade } from './upgrading';

const HANDLERS: Record<string, Verb> = { ...LOOKING, ...ACTING, ...MOVING, upgrade };

/**
 * `nocobase app …`, from its words to its exit code. Needs nothing of NocoBase: it speaks with the running one through
 * the socket, and never starts another.
 */
export async function runAppCommand(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  streams: Streams = { in: process.stdin, out: process.stdout, err: process.stderr },
): Promise<number> {
  const language = terminalLanguage(env);
  const say = speaking(language);
  const terminal = new Terminal(streams, env);
  let session: Session | undefined;

  let onInterrupt = () => undefined as void;
  const interrupted = new Promise<number>((resolve) => {
    onInterrupt = () => {
      terminal.clear();
      if (session?.interruption) terminal.note(session.interruption);
      resolve(EXIT.interrupted);
    };
  });
  process.on('SIGINT', onInterrupt);
  // Whoever reads has read enough.
  const unread = new Promise<number>((resolve) => {
    for (const stream of [streams.out, streams.err]) stream.on('error', () => resolve(EXIT.done));
  });

  const carryOut = async (): Promise<number> => {
    const read = readArguments(argv);
    const { spec, options } = read;
    if (!spec) {
      if (options.help) terminal.print(generalHelp(say));
      else terminal.note(generalHelp(say));
      return options.help ? EXIT.done : EXIT.usage;
    }
    if (options.help) {
      terminal.print(verbHelp(spec, say));
      return EXIT.done;
    }
    const socket = typeof options.socket === 'string' ? options.socket : commandSocket(env);
    const line = new SupervisorLine(socket, language);
    session = { line, terminal, say, env, arguments: read, json: options.json === true };
    const verb = HANDLERS[spec.verb];
    if (!verb) throw new Error(`no handler of ${spec.verb}`);
    return verb(session);
  };

  const told = carryOut().catch((error: unknown) => {
    const failure = failureOf(error);
    if (!failure) throw error;
    const message = say(failure.sentence, failure.params);
    terminal.note(session?.json ? JSON.stringify({ error: { code: failure.code, message } }) : message);
    return failure.exit;
  });
  return Promise.race([told, interrupted, unread]).finally(() => process.off('SIGINT', onInterrupt));
}

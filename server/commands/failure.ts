import { ERROR_TABLE, isAppError } from '../../src/errors';

/** Exit codes by kind of failure; told in the help. */
export const EXIT = { done: 0, failed: 1, usage: 2, noServer: 3, notFound: 4, refused: 5, interrupted: 130 } as const;

export type Params = Record<string, string | number>;

/** An end of the command that its user should read: a sentence, and the code for scripts. */
export class CommandFailure extends Error {
  /** @param sentence in English, with `{param}`; what comes from the server is in the caller's language already */
  constructor(
    readonly exit: number,
    readonly code: string,
    readonly sentence: string,
    readonly params: Params = {},
  ) {
    super(sentence);
    this.name = 'CommandFailure';
  }
}

export const usage = (sentence: string, params: Params = {}) =>
  new CommandFailure(EXIT.usage, 'USAGE', sentence, params);

/** The exit code for an HTTP status. A value that the server refuses ends like one that the command itself refuses. */
export function exitOfStatus(status: number): number {
  if (status === 400) return EXIT.usage;
  if (status === 404) return EXIT.notFound;
  return status >= 400 && status < 500 ? EXIT.refused : EXIT.failed;
}

/** The same of a code that stands in the answer for one of several. */
export function exitOfCode(code: string): number {
  const known = ERROR_TABLE[code as keyof typeof ERROR_TABLE] as { status: number } | undefined;
  return exitOfStatus(known?.status ?? 500);
}

/** The failure behind whatever was thrown; undefined for a fault of our own. */
export function failureOf(error: unknown): CommandFailure | undefined {
  if (error instanceof CommandFailure) return error;
  if (isAppError(error)) return new CommandFailure(exitOfStatus(error.status), error.code, error.message);
  // Of the operating system: a file that cannot be read, a folder that is full.
  const { code, syscall, message } = (error ?? {}) as NodeJS.ErrnoException;
  if (code && syscall) return new CommandFailure(EXIT.failed, code, message);
  return undefined;
}

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { usage } from './failure';
import { COMMON, type OptionSpec } from './options';
import { VERBS, type VerbSpec } from './verbs';

/** What was typed, checked against the verb. */
export interface Arguments {
  /** Undefined when none was named. */
  spec?: VerbSpec;
  words: string[];
  options: Record<string, string | boolean | undefined>;
  /** What came by standard input, where an option says that it comes from there. */
  input?: string;
}

/** Seconds that a command may be told to wait: what a timer can count. */
const TIMEOUT_S = { least: 1, most: 2_000_000 };

/** @throws CommandFailure */
export function readArguments(argv: readonly string[]): Arguments {
  const [first = '', ...rest] = argv;
  if (first === 'help') return { spec: rest[0] ? verb(rest[0]) : undefined, words: [], options: { help: true } };
  if (first === '' || first === '-h' || first === '--help') return { words: [], options: { help: first !== '' } };
  const spec = verb(first);
  const { values, positionals } = parse(spec, rest);
  if (!values.help && (positionals.length < spec.least || positionals.length > spec.most)) {
    const sentence = positionals.length < spec.least ? 'Name an application: {usage}' : 'That is too much: {usage}';
    throw usage(sentence, { usage: usageOf(spec) });
  }
  const read = { spec, words: positionals, options: values };
  if (!values.help) check(read);
  return read;
}

/** What can be said of the options before anything is done. @throws CommandFailure */
function check(read: Arguments): void {
  const seconds = numberOf(read.options, 'timeout', TIMEOUT_S.least) ?? TIMEOUT_S.least;
  if (seconds < TIMEOUT_S.least || seconds > TIMEOUT_S.most) {
    throw usage('--{option} is from {least} to {most}; it is {seconds}.', { option: 'timeout', ...TIMEOUT_S, seconds });
  }
  if (inputOptions(read) > 1) throw usage('Only one option can be read from standard input.');
}

/** How many options are to be read from standard input. */
function inputOptions({ spec, options }: Arguments): number {
  const secrets = spec?.options.filter(({ name, kind }) => kind === 'secret' && options[name] === '-') ?? [];
  return secrets.length + Number(options.values === '@-');
}

export const readsInput = (read: Arguments): boolean => inputOptions(read) > 0;

export function usageOf({ verb: name, words }: VerbSpec): string {
  return ['nocobase app', name, words].filter(Boolean).join(' ');
}

function verb(name: string): VerbSpec {
  const spec = VERBS.find((one) => one.verb === name);
  if (spec) return spec;
  const verbs = VERBS.map((one) => one.verb).join(', ');
  throw usage('There is no command "{verb}"; there are: {verbs}.', { verb: name, verbs });
}

function parse(spec: VerbSpec, argv: string[]) {
  const options = Object.fromEntries(
    [...spec.options, ...COMMON].map(({ name, short, value }) => [
      name,
      { type: value ? ('string' as const) : ('boolean' as const), ...(short && { short }) },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: argv, options, allowPositionals: true, strict: true });
    return { values: values as Arguments['options'], positionals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const option = (/--[\w-]+/.exec(message) ?? /-\w/.exec(message))?.[0] ?? '';
    const params = { option, verb: spec.verb };
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      throw usage('There is no option {option}; see nocobase app {verb} --help.', params);
    }
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      throw usage('The option {option} is not said as it should be; see nocobase app {verb} --help.', params);
    }
    throw error;
  }
}

/** A whole number, or the fallback where the option stays away. @throws CommandFailure */
export function numberOf(options: Arguments['options'], name: string, fallback?: number): number | undefined {
  const text = options[name];
  if (typeof text !== 'string') return fallback;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage('--{option} wants a whole number; it is "{text}".', { option: name, text });
}

/** The body of a call: what `--values` says, and above it what single options say. @throws CommandFailure */
export function valuesOf({ spec, options, input }: Arguments): Record<string, unknown> {
  const body = givenValues(options.values, input);
  for (const option of spec?.options ?? []) {
    const given = options[option.name];
    if (option.field !== undefined && given !== undefined) {
      put(body, option.field.split('.'), valueOf(option, given, input));
    }
  }
  return body;
}

function valueOf({ name, kind }: OptionSpec, given: string | boolean, input?: string): unknown {
  if (typeof given === 'boolean') return given;
  if (kind === 'secret') return textIn(given, input).replace(/\r?\n$/, '');
  if (given === '') return null;
  if (kind === 'number') return numberOf({ [name]: given }, name);
  if (kind !== 'choice') return given;
  if (given === 'yes' || given === 'true') return true;
  if (given === 'no' || given === 'false') return false;
  throw usage('--{option} is yes or no; it is "{text}".', { option: name, text: given });
}

function givenValues(text: string | boolean | undefined, input?: string): Record<string, unknown> {
  if (typeof text !== 'string') return {};
  const json = text.startsWith('@') ? textIn(text.slice(1), input) : text;
  let values: unknown;
  try {
    values = JSON.parse(json);
  } catch {
    // Said below.
  }
  if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as Record<string, unknown>;
  throw usage('--values wants a JSON object.');
}

/** A file, or what came by standard input. */
function textIn(file: string, input = ''): string {
  return file === '-' ? input : readFileSync(file, 'utf8');
}

function put(body: Record<string, unknown>, [key = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    body[key] = value;
    return;
  }
  const inner = body[key];
  const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
  body[key] = next;
  put(next, rest, value);
}

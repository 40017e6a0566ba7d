import { usageOf } from './arguments';
import type { Say } from './language';
import { COMMON, type OptionSpec } from './options';
import { textWidth } from './table';
import { VERBS, type VerbSpec } from './verbs';

export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [0, 'done'],
  [1, 'failed'],
  [2, 'not understood, or a value is not valid'],
  [3, 'no NocoBase listens'],
  [4, 'there is no such application'],
  [5, 'refused: by a rule, a conflict, or because nobody could be asked'],
  [130, 'interrupted'],
];

const pad = (text: string, width: number) => `${text}${' '.repeat(Math.max(0, width - textWidth(text)))}`;

/** Titles on the left, what they mean on the right. */
function columns(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(34, Math.max(...pairs.map(([left]) => textWidth(left))));
  return pairs.flatMap(([left, right]) =>
    textWidth(left) > width ? [`  ${left}`, `  ${' '.repeat(width)}  ${right}`] : [`  ${pad(left, width)}  ${right}`],
  );
}

export function optionTitle({ name, short, value }: OptionSpec): string {
  return `${short ? `-${short}, ` : ''}--${name}${value ? ` <${value}>` : ''}`;
}

export function generalHelp(say: Say): string {
  return [
    say('Usage: nocobase app <command> [options]'),
    '',
    say('Manages the applications of the NocoBase that runs here.'),
    '',
    say('Commands'),
    ...columns(VERBS.map((spec) => [`${spec.verb} ${spec.words}`.trim(), say(spec.text)])),
    '',
    say('Examples'),
    ...columns([
      ['nocobase app list', say('what there is')],
      ['nocobase app create crm --wait', say('make one, and wait until it is ready')],
      ['nocobase app list --status failed --json', say('for a script')],
      ['nocobase app stop --help', say('all about one command')],
    ]),
    '',
    say('Exit codes'),
    ...columns(EXIT_CODES.map(([code, text]) => [String(code), say(text)])),
  ].join('\n');
}

export function verbHelp(spec: VerbSpec, say: Say): string {
  return [
    say('Usage: {usage} [options]', { usage: usageOf(spec) }),
    '',
    ...[spec.text, ...(spec.more ?? [])].map((text) => say(text)),
    '',
    say('Examples'),
    ...spec.examples.flatMap(([typed, text]) => [`  nocobase app ${typed}`, `      ${say(text)}`]),
    '',
    say('Options'),
    ...columns([...spec.options, ...COMMON].map((option) => [optionTitle(option), say(option.text)])),
  ].join('\n');
}

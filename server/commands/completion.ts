import { EXIT, usage } from './failure';
import { COMMON } from './options';
import type { Verb } from './session';
import { VERBS, type VerbSpec } from './verbs';

/** `nocobase app completion`: scripts by which a shell completes commands, options and IDs of the program `nocobase-app`. */

const SHELLS = ['bash', 'zsh', 'fish'] as const;
const PROGRAM = 'nocobase-app';
/** The IDs, as `list` prints them in JSON. */
const NAMES = `${PROGRAM} list --json 2>/dev/null | sed -n 's/^    "name": "\\(.*\\)",\\{0,1\\}$/\\1/p'`;

const optionsOf = ({ options }: VerbSpec) => [...options, ...COMMON].map(({ name }) => `--${name}`).join(' ');
const takesId = ({ words }: VerbSpec) => /^[<[]id/.test(words);

function bash(): string {
  const cases = VERBS.map((spec) => {
    const ids = takesId(spec) ? ' ids=yes' : '';
    return `    ${spec.verb}) options='${optionsOf(spec)}'${ids} ;;`;
  });
  return [
    `_nocobase_app() {`,
    `  local word=\${COMP_WORDS[COMP_CWORD]} options= ids=`,
    `  if [ "$COMP_CWORD" -eq 1 ]; then`,
    `    COMPREPLY=($(compgen -W '${VERBS.map(({ verb }) => verb).join(' ')}' -- "$word"))`,
    `    return`,
    `  fi`,
    `  case \${COMP_WORDS[1]} in`,
    ...cases,
    `  esac`,
    `  case $word in`,
    `    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;`,
    `    *) [ -z "$ids" ] || COMPREPLY=($(compgen -W "$(${NAMES})" -- "$word")) ;;`,
    `  esac`,
    `}`,
    `complete -o default -F _nocobase_app ${PROGRAM}`,
  ].join('\n');
}

function fish(): string {
  const first = `complete -c ${PROGRAM} -n __fish_use_subcommand -f`;
  const after = (verb: string) => `complete -c ${PROGRAM} -n '__fish_seen_subcommand_from ${verb}'`;
  return VERBS.flatMap((spec) => [
    `${first} -a ${spec.verb}`,
    ...[...spec.options, ...COMMON].map(({ name, value }) => `${after(spec.verb)} -l ${name}${value ? ' -r' : ''}`),
    ...(takesId(spec) ? [`${after(spec.verb)} -f -a "(${NAMES})"`] : []),
  ]).join('\n');
}

const SCRIPTS: Record<(typeof SHELLS)[number], () => string> = {
  bash,
  zsh: () => `autoload -U +X bashcompinit && bashcompinit\n${bash()}`,
  fish,
};

export const completion: Verb = async ({ arguments: { words }, terminal }) => {
  const shell = SHELLS.find((one) => one === words[0]);
  if (!shell) throw usage('There are completions for: {values}.', { values: SHELLS.join(', ') });
  terminal.print(SCRIPTS[shell]());
  return Promise.resolve(EXIT.done);
};

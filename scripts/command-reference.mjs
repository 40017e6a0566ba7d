// Writes docs/commands.md from the help of the commands; with --check it only says whether that is what it would write.
import { load, publish, rows } from './reference.mjs';

const INTRODUCTION = `# The command line

<!-- Written by scripts/command-reference.mjs from the help of the commands. -->

\`nocobase app <command>\` manages the applications of the NocoBase that runs on the same machine. In an installation of
NocoBase 2.2 it is \`yarn nocobase app …\` (or \`nocobase-v1 app …\`). NocoBase then loads itself first, which takes some
seconds, prints its own log lines into the output, and its wrapper makes 1 of every other exit code and adds a stack.
Scripts call the same as a program of its own, from any folder:

    node /path/to/nocobase/node_modules/nocobase-plugin-app-supervisor/dist/server/app-command.js list

That path is the same for a plugin that was uploaded and for one that was installed as a package. The program reads the \`.env\` of
the current folder, or else that of the NocoBase in which it lies. In a container: \`docker compose exec app node …\`.

In this repository it is \`npm run -s nocobase -- app …\`, against the host that \`npm start\` runs with the same
\`HOST_DATA_DIR\`.

It speaks with the running NocoBase through a Unix socket beside NocoBase's own: \`app-supervisor.sock\` in the folder of
\`SOCKET_PATH\`, else of \`STORAGE_PATH\`, which only the user of NocoBase may open. Whoever may open it needs no token, and the
timeline of an application says \`by command line\` with his name in the operating system, and behind \`sudo\` with the
name of who called that: \`eve (as nocobase)\`. The name is what the command says of itself; nothing proves it. Where \`SOCKET_PATH\` has another
name than \`gateway.sock\`, ours begins with that name: \`shop.sock\` → \`shop.app-supervisor.sock\`. It never starts a NocoBase
of its own. Where none runs, it says so; \`list\` and \`show\` then tell what its database says, where \`DB_*\` name that, and
write nothing: who and where, with \`asleep\` for all that nobody has stopped.

Before a command sends anything, it checks the owner of the socket: the caller, or the owner of the folder \`STORAGE_PATH\`
(\`storage\` in the current folder). If another user listens there, or could replace the socket because its folder is open to
all, the command ends with \`SOCKET_OWNER\`, and sends nothing.
Root may so run commands for a NocoBase of another user, if \`STORAGE_PATH\` is set.

What a command does is what the REST action of the same name does ([rest.md](rest.md)), and \`--json\` prints what that
answers. Results go to standard output, everything else to standard error. Without a terminal nothing is shortened, nothing is
coloured (\`NO_COLOR\` says the same), and nothing is asked: what would be asked is refused unless \`--yes\` is said. How
far the work is, is then told only with \`--wait\`, and percentages in tens. Where
\`LC_ALL\`, \`LC_MESSAGES\` or \`LANG\` begins with \`zh\`, it speaks Chinese.
`;

const MODULES = `export * from './server/commands/help'; export { VERBS } from './server/commands/verbs';
  export { COMMON } from './server/commands/options'; export { usageOf } from './server/commands/arguments';`;

async function reference() {
  const { VERBS, COMMON, EXIT_CODES, optionTitle, usageOf } = await load(MODULES);
  const optionRows = (options) =>
    rows(
      ['option', 'meaning'],
      options.map((one) => [`\`${optionTitle(one)}\``, one.text]),
    );
  return [
    INTRODUCTION,
    rows(
      ['command', 'what it does'],
      VERBS.map((spec) => [`[\`${spec.verb}\`](#${spec.verb})`, spec.text]),
    ),
    '## Exit codes',
    rows(
      ['code', 'meaning'],
      EXIT_CODES.map(([code, text]) => [String(code), text]),
    ),
    'With several applications it is the highest code of those that failed. With `--json` an error is one line of JSON on standard error: `{"error":{"code","message"}}`. Where one of several applications fails, that is a line of its own, with `application` in it, and the answer holds it too.',
    '## Options of all commands',
    optionRows(COMMON),
    ...VERBS.flatMap((spec) => [
      `## ${spec.verb}`,
      `    ${usageOf(spec)} [options]`,
      [spec.text, ...(spec.more ?? [])].map((text) => text.replaceAll('*', '\\*')).join(' '),
      `\`\`\`bash\n${spec.examples.map(([typed, text]) => `# ${text}\nnocobase app ${typed}`).join('\n')}\n\`\`\``,
      optionRows(spec.options),
    ]),
  ];
}

await publish('commands.md', 'the help', await reference());

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readArguments } from '../../server/commands/arguments';
import swagger from '../../server/swagger';
import { observationSchemas } from '../../server/swagger/observation';
import { answers } from '../../server/swagger/schemas';
import { APP_STATES } from '../../src/app-state';
import { ERROR_TABLE } from '../../src/errors';
import { GENERAL_ADVICE, PREFLIGHT_ADVICE, PREFLIGHT_CHECKS } from '../../src/preflight';
import { LIMIT_NAMES, limitVariable } from '../../src/policies/limits';
import { APP_EVENT_TYPES } from '../../src/events';
import { guidePieces } from '../helpers/guides';

const root = path.resolve(__dirname, '..', '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

function sourcesOf(folder: string, depth?: 0): string {
  const files = readdirSync(path.join(root, folder), { recursive: depth !== 0 }) as string[];
  const texts = files.filter((file) => /\.(ts|tsx|mjs)$/.test(file)).map((file) => read(path.join(folder, file)));
  return texts.join('\n');
}

function namesIn(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? match[0]))].sort();
}

const guides = readdirSync(path.join(root, 'docs/guides')).map((file) => `docs/guides/${file}`);

/** As the headings of a page are called in links to them. */
function anchorsOf(document: string): string[] {
  const headings = [...read(document).matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '');
  return headings.map((text) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}

/** The commands of ours in a text, each as the words that a shell makes of it. */
function commandsIn(text: string): string[][] {
  const found = text.matchAll(/(?:nocobase |\$\(|^ *)app ([a-z-]+[^|`;()>\n]*)/gm);
  return [...found].map((match) =>
    [...(match[1] ?? '').trim().matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
      (word) => word[1] ?? word[2] ?? word[3] ?? '',
    ),
  );
}

/** Of each error code in its document: the code, the status, the sentence and what to do. */
const errorRows = () => [...read('docs/errors.md').matchAll(/^\| `(APP_\w+)` *\| (\d+) +\| (.*?) +\| (.*?) +\|$/gm)];

/** Code and documents agree, both ways. */
describe('documents', () => {
  it('name every error code with its status, and no other', () => {
    const documented = Object.fromEntries(
      errorRows().map(([, code, status, sentence]) => [code, [Number(status), sentence]]),
    );
    const expected = Object.fromEntries(
      Object.entries(ERROR_TABLE).map(([code, { status, message }]) => [code, [status, message]]),
    );
    expect(documented).toEqual(expected);
  });

  it('say what to do for every error code, by commands, actions and variables that there are', () => {
    const remedies = errorRows().map(([, code, , , remedy = '']) => ({ code, remedy }));
    // One imperative sentence.
    const isShort = (remedy: string) => /^[A-Z][a-z]+,? .*[^.]\.$/.test(remedy) && remedy.length <= 200;
    expect(remedies.filter(({ remedy }) => !isShort(remedy))).toEqual([]);
    expect(new Set(remedies.map(({ code }) => code))).toEqual(new Set(Object.keys(ERROR_TABLE)));
    const variables = namesIn(read('docs/environment.md'), /`([A-Z][A-Z0-9_]+)`/g);
    const paths = Object.keys((swagger as { paths: object }).paths);
    for (const { code, remedy } of remedies) {
      // Some only name the command.
      const commands = commandsIn(remedy).map((words) => (words.length > 1 ? words : [...words, '--help']));
      for (const words of commands) expect(() => readArguments(words)).not.toThrow();
      const ours = namesIn(remedy, /\b(APP_SUPERVISOR_\w+)\b/g).filter((name) => !variables.includes(name));
      const actions = namesIn(remedy, /\b(?:applications|appSupervisor):\w+/g).filter(
        (one) => !paths.includes(`/${one}`),
      );
      expect([code, ours, actions]).toEqual([code, [], []]);
    }
    const commands = remedies.flatMap(({ remedy }) => commandsIn(remedy));
    expect(commands.map(([command]) => command)).toEqual(
      expect.arrayContaining(['remove', 'isolate', 'logs', 'start']),
    );
  });

  it('use every error code somewhere in the code', () => {
    const code = sourcesOf('server') + sourcesOf('src').replace(read('src/errors.ts'), '');
    const unused = Object.keys(ERROR_TABLE).filter((name) => !code.includes(`'${name}'`));
    expect(unused).toEqual([]);
  });

  it('name every environment variable that the plugin reads, and no other of ours', () => {
    const code = sourcesOf('server');
    const named = namesIn(code, /\b(APP_SUPERVISOR_\w+)\b/g).filter((name) => !(name in ERROR_TABLE));
    const ours = [...named, ...LIMIT_NAMES.map(limitVariable)].sort();
    const read_ = namesIn(code, /\benv\.([A-Z][A-Z0-9_]+)/g);
    const documented = namesIn(read('docs/environment.md'), /`([A-Z][A-Z0-9_]+)`/g);
    expect([...new Set([...ours, ...read_])].filter((name) => !documented.includes(name))).toEqual([]);
    expect(documented.filter((name) => name.startsWith('APP_SUPERVISOR_'))).toEqual(ours);
  });

  it('name every environment variable that the host reads', () => {
    const read_ = namesIn(sourcesOf('host', 0), /\benv\.([A-Z][A-Z0-9_]+)/g);
    // What the host itself sets for NocoBase.
    const own = ['SOCKET_PATH', 'STORAGE_PATH'];
    const documented = namesIn(read('docs/environment.md'), /`([A-Z][A-Z0-9_]+)`/g);
    expect(read_.filter((name) => !documented.includes(name) && !own.includes(name))).toEqual([]);
  });

  it('say everything in English and in Chinese', () => {
    const english = JSON.parse(read('locale/en-US.json')) as Record<string, string>;
    const chinese = JSON.parse(read('locale/zh-CN.json')) as Record<string, string>;
    expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort());
    const sentences = Object.values(ERROR_TABLE).map(({ message }): string => message);
    const advice = [...Object.values(PREFLIGHT_ADVICE), GENERAL_ADVICE];
    expect([...sentences, ...advice].filter((sentence) => !(sentence in chinese))).toEqual([]);
    const parameters = (text: string) => namesIn(text, /\{(\w+)\}/g);
    for (const [key, text] of Object.entries(chinese)) {
      expect([key, parameters(text)]).toEqual([key, parameters(key)]);
    }
    expect(Object.entries(english).filter(([key, text]) => key !== text)).toEqual([]);
  });

  it('teach the commands as their help does', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/command-reference.mjs', '--check'], { cwd: root });
    expect([status, String(stderr)]).toEqual([0, '']);
  });

  it('teach the REST actions as the swagger does', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/rest-reference.mjs', '--check'], { cwd: root });
    expect([status, String(stderr)]).toEqual([0, '']);
  });

  it('tell of every error code which actions answer with it', () => {
    // Of visitors' requests, and of the enabling of the plugin.
    const elsewhere = [
      ...[
        'APP_SOCKET_NOT_FOUND',
        'APP_STORAGE_OUTSIDE',
        'APP_STORAGE_WITHOUT_KEYS',
        'APP_PATH_ACCESS_OFF',
        'APP_REQUEST_INVALID',
        'APP_RELOADS_TOO_MANY',
        'APP_WAIT_TIMEOUT',
        'APP_TOO_MANY_WAITING',
        'APP_MAIN_NOT_RUNNING',
      ],
      ...['APP_URL_TOO_LONG', 'APP_QUERY_TOO_LARGE', 'APP_BODY_TOO_LARGE', 'APP_BODY_INVALID', 'APP_BODY_TIMEOUT'],
      ...['APP_TOO_MANY_REQUESTS', 'APP_BUSY', 'APP_TOO_MANY_CONNECTIONS', 'APP_STORAGE_LIMIT', 'APP_USERS_LIMIT'],
      ...['APP_SUPERVISOR_PEER_ENABLED', 'APP_SUPERVISOR_MAIN_ONLY'],
      // Of NocoBase's own actions in a sub-application.
      ...['APP_PLUGINS_MANAGED_BY_MAIN', 'APP_ACTION_LEAVES_APPLICATION', 'APP_OTHER_APPLICATION'],
      // Of NocoBase's restores in the main application.
      'APP_RESTORE_DROPS_APPLICATIONS',
    ];
    const text = JSON.stringify(swagger);
    const untold = Object.keys(ERROR_TABLE).filter((code) => !text.includes(`"${code}"`));
    expect(untold.sort()).toEqual(elsewhere.sort());
  });

  it('speak of files that exist', () => {
    const folders = ['', 'server', 'docs'];
    const documents = ['architecture', 'development', 'api', 'lifecycle'].map((name) => `docs/${name}.md`);
    for (const document of [...documents, ...guides]) {
      const files = namesIn(read(document), /`((?:[\w-]+\/)+[\w.-]+\.(?:ts|mjs|cjs|md))`/g);
      const missing = files.filter((file) => !folders.some((folder) => existsSync(path.join(root, folder, file))));
      expect([document, missing.filter((file) => !file.startsWith('dist/'))]).toEqual([document, []]);
    }
  });

  it('name every event of a timeline, every state and every step of a boot', () => {
    const text = read('docs/lifecycle.md');
    const section = (title: string) => text.slice(text.indexOf(`## ${title}`)).split('\n## ')[0] ?? '';
    const rows = (title: string) => namesIn(section(title), /^\| `([\w-]+)`/gm);
    expect(rows('Events')).toEqual(Object.keys(APP_EVENT_TYPES).sort());
    expect(rows('States')).toEqual(Object.keys(APP_STATES).sort());
    const steps = /export type BootStep =([^;]+);/.exec(read('server/lifecycle/boot.ts'))?.[1] ?? '';
    expect(rows('Steps')).toEqual(namesIn(steps, /'(\w+)'/g));
  });

  it('describe every action in swagger', () => {
    const code = ['applications', 'observation', 'archives']
      .map((file) => read(`server/resources/${file}.ts`))
      .join('\n');
    const actions = namesIn(code, /^ {4}(\w+): (?:posted\()?(?:async \(ctx|perform\()/gm);
    expect(actions).toEqual(expect.arrayContaining(['list', 'create', 'start', 'export', 'import']));
    const paths = Object.keys((swagger as { paths: object }).paths).sort();
    expect(paths).toEqual(
      [
        ...actions.map((action) => `/applications:${action}`),
        ...['ask', 'downloadArchive', 'entries', 'icon', 'info', 'metrics'].map((action) => `/appSupervisor:${action}`),
      ].sort(),
    );
    const checks = namesIn(read('docs/api.md'), /^\| `(\w+)` +\| (?:the values|whether)/gm);
    expect(checks).toEqual([...PREFLIGHT_CHECKS].sort());
  });

  it('describe what is computed of an application, and what the supervisor says of itself', () => {
    const fieldsOf = (text: string, from: string, to: string) =>
      namesIn(text.slice(text.indexOf(from), text.indexOf(to, text.indexOf(from))), /^ {2,10}(\w+)(?::|,$)/gm);
    const view = fieldsOf(read('server/app-view.ts'), 'export interface AppView', '[field: string]');
    const info = fieldsOf(read('server/resources/supervisor.ts'), 'ctx.body = {', '};');
    expect(view).toEqual(expect.arrayContaining(['state', 'ownSecret']));
    expect(info).toEqual(expect.arrayContaining(['version', 'state']));
    const metrics = fieldsOf(read('server/supervisor-metrics.ts'), 'export interface SupervisorMetrics', '\n}');
    const { Application, SupervisorInfo } = answers;
    expect(metrics).toEqual(Object.keys(observationSchemas.SupervisorMetrics.properties).sort());
    expect(view.filter((field) => !(field in Application.properties))).toEqual([]);
    expect(info).toEqual(Object.keys(SupervisorInfo.properties).sort());
  });

  it('tell in the guides only commands, actions, variables and codes that there are', () => {
    const variables = namesIn(read('docs/environment.md'), /`([A-Z][A-Z0-9_]+)`/g);
    const paths = Object.keys((swagger as { paths: object }).paths);
    for (const guide of guides) {
      const text = read(guide);
      const commands = commandsIn(text);
      expect([guide, commands.length > 0]).toEqual([guide, true]);
      for (const words of commands) expect(() => readArguments(words)).not.toThrow();
      const ours = namesIn(text, /\b(APP_\w+)\b/g).filter((name) => !(name in ERROR_TABLE));
      expect([guide, ours.filter((name) => !variables.includes(name))]).toEqual([guide, []]);
      const actions = namesIn(text, /\/(?:applications|appSupervisor):\w+/g);
      expect([guide, actions.filter((action) => !paths.includes(action))]).toEqual([guide, []]);
    }
  });

  it('tell scripts in the guides that a shell can read', () => {
    const scripts = guidePieces().filter(({ language }) => language === 'bash');
    expect(scripts.length).toBeGreaterThan(8);
    for (const { guide, text } of scripts) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      expect([guide, text, status, stderr]).toEqual([guide, text, 0, '']);
    }
  });

  it('are packed with the plugin where README links to them', () => {
    const { files } = JSON.parse(read('package.json')) as { files: string[] };
    const isPacked = (file: string) =>
      files.some((pattern) => new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`).test(file));
    const links = [...read('README.md').matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(15);
    expect(links.filter((link) => !isPacked(link))).toEqual([]);
  });

  it('refer to pages and headings that there are', () => {
    const documents = ['README.md', ...readdirSync(path.join(root, 'docs')).map((file) => `docs/${file}`), ...guides];
    for (const document of documents.filter((file) => file.endsWith('.md'))) {
      for (const [, link = ''] of read(document).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [file, anchor] = link.split('#');
        const target = file ? path.join(path.dirname(document), file) : document;
        expect([document, link, existsSync(path.join(root, target))]).toEqual([document, link, true]);
        if (anchor) expect([document, link, anchorsOf(target).includes(anchor)]).toEqual([document, link, true]);
      }
    }
  });
});

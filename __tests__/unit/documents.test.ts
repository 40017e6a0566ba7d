import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import swagger from '../../server/swagger';
import { ERROR_TABLE } from '../../src/errors';

const root = path.resolve(__dirname, '..', '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

function sourcesOf(folder: string): string {
  const files = readdirSync(path.join(root, folder), { recursive: true }) as string[];
  const texts = files.filter((file) => /\.(ts|tsx|mjs)$/.test(file)).map((file) => read(path.join(folder, file)));
  return texts.join('\n');
}

function namesIn(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? match[0]))].sort();
}

/** Code and documents agree, both ways. */
describe('documents', () => {
  it('name every error code with its status, and no other', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| `(APP_\w+)` *\| (\d+) +\| (.*?) +\|$/gm)];
    const documented = Object.fromEntries(rows.map(([, code, status, sentence]) => [code, [Number(status), sentence]]));
    const expected = Object.fromEntries(
      Object.entries(ERROR_TABLE).map(([code, { status, message }]) => [code, [status, message]]),
    );
    expect(documented).toEqual(expected);
  });

  it('use every error code somewhere in the code', () => {
    const code = sourcesOf('server') + sourcesOf('src').replace(read('src/errors.ts'), '');
    const unused = Object.keys(ERROR_TABLE).filter((name) => !code.includes(`'${name}'`));
    expect(unused).toEqual([]);
  });

  it('name every environment variable that the plugin reads, and no other of ours', () => {
    const code = sourcesOf('server');
    const ours = namesIn(code, /\b(APP_SUPERVISOR_(?:BASE|TRUSTED|WAIT|MAX|BOOT|DRAIN|AES)_\w+)\b/g);
    const read_ = namesIn(code, /\benv\.([A-Z][A-Z0-9_]+)/g);
    const documented = namesIn(read('docs/environment.md'), /`([A-Z][A-Z0-9_]+)`/g);
    expect([...new Set([...ours, ...read_])].filter((name) => !documented.includes(name))).toEqual([]);
    expect(documented.filter((name) => name.startsWith('APP_SUPERVISOR_'))).toEqual(ours);
  });

  it('say everything in English and in Chinese', () => {
    const english = JSON.parse(read('locale/en-US.json')) as Record<string, string>;
    const chinese = JSON.parse(read('locale/zh-CN.json')) as Record<string, string>;
    expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort());
    const sentences = Object.values(ERROR_TABLE).map(({ message }): string => message);
    expect(sentences.filter((sentence) => !(sentence in chinese))).toEqual([]);
    const parameters = (text: string) => namesIn(text, /\{(\w+)\}/g);
    for (const [key, text] of Object.entries(chinese)) {
      expect([key, parameters(text)]).toEqual([key, parameters(key)]);
    }
    expect(Object.entries(english).filter(([key, text]) => key !== text)).toEqual([]);
  });

  it('describe every action in swagger and in the API document', () => {
    const code = read('server/resources/applications.ts') + read('server/resources/supervisor.ts');
    const actions = ['list', 'get', 'create', 'update', 'destroy', 'start', 'stop', 'restart'];
    for (const action of actions) expect(code).toMatch(new RegExp(`^ {4}${action}: `, 'm'));
    const paths = Object.keys((swagger as { paths: object }).paths).sort();
    expect(paths).toEqual([...actions.map((action) => `/applications:${action}`), '/appSupervisor:info'].sort());
    for (const action of actions) expect(read('docs/api.md')).toContain(`\`${action}\``);
  });
});

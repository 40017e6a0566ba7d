import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import * as vocabulary from '../../../client/vocabulary';
import { APP_STATES } from '../../../src/app-state';
import { ERROR_TABLE } from '../../../src/errors';
import { APP_EVENT_TYPES } from '../../../src/events';
import { LIMITS } from '../../../src/policies/limits';
import { CHECK_TEXTS, GENERAL_ADVICE, PREFLIGHT_ADVICE, PREFLIGHT_CHECKS } from '../../../src/preflight';

const root = path.resolve(__dirname, '../../..');
const chinese = JSON.parse(readFileSync(path.join(root, 'locale/zh-CN.json'), 'utf8')) as Record<string, string>;

function sources(folder: string): string[] {
  const files = readdirSync(path.join(root, folder), { recursive: true }) as string[];
  return files.filter((file) => /\.tsx?$/.test(file)).map((file) => path.join(root, folder, file));
}

/** The texts that a file gives to `t`, and every other text in it. */
function textsOf(file: string): { translated: string[]; all: string[] } {
  const translated: string[] = [];
  const all: string[] = [];
  const text = (node: ts.Expression): string[] => {
    if (ts.isStringLiteralLike(node)) return [node.text];
    return ts.isConditionalExpression(node) ? [...text(node.whenTrue), ...text(node.whenFalse)] : [];
  };
  const visit = (node: ts.Node) => {
    if (ts.isStringLiteralLike(node)) all.push(node.text);
    if (ts.isCallExpression(node) && node.arguments[0]) {
      const called = node.expression.getText();
      if (called === 't' || called === 'this.t') translated.push(...text(node.arguments[0]));
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX));
  return { translated, all };
}

function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
}

const labels = (table: Record<string, { label: string }>) => Object.values(table).map(({ label }) => label);
const client = sources('client').map(textsOf);

describe('the texts of the screens', () => {
  it('are all translated', () => {
    const shown = [
      ...client.flatMap(({ translated }) => translated),
      ...leaves(vocabulary),
      ...leaves(CHECK_TEXTS),
      ...labels(APP_STATES),
      ...labels(APP_EVENT_TYPES),
      ...labels(LIMITS),
    ];
    expect(shown.length).toBeGreaterThan(250);
    expect([...new Set(shown)].filter((text) => !(text in chinese))).toEqual([]);
  });

  it('are all used', () => {
    const said = new Set([
      ...client.flatMap(({ all }) => all),
      ...labels(APP_STATES),
      ...labels(APP_EVENT_TYPES),
      ...Object.values(ERROR_TABLE).map(({ message }) => message),
      ...Object.values(PREFLIGHT_ADVICE),
      GENERAL_ADVICE,
    ]);
    const server = [...sources('server'), ...sources('src')].map((file) => readFileSync(file, 'utf8'));
    const unused = Object.keys(chinese).filter((text) => !said.has(text));
    const literals = (text: string) => [`'${text}'`, `"${text}"`, `'${text.replace(/'/g, "\\'")}'`];
    const isInServer = (text: string) => server.some((code) => literals(text).some((one) => code.includes(one)));
    expect(unused.filter((text) => !isInServer(text))).toEqual([]);
  });

  it('say different things of states, events and limits in Chinese, too', () => {
    const said = [...new Set([...labels(APP_STATES), ...labels(APP_EVENT_TYPES), ...labels(LIMITS)])];
    const texts = said.map((text) => chinese[text]);
    expect(said.filter((_, index) => texts.indexOf(texts[index]) !== index)).toEqual([]);
  });

  it('name every check of a database, and keep their parameters in Chinese', () => {
    expect(Object.keys(CHECK_TEXTS)).toEqual([...PREFLIGHT_CHECKS]);
    const parameters = (text: string) => (text.match(/\{+\w+\}+/g) ?? []).sort();
    for (const [key, text] of Object.entries(chinese)) expect([key, parameters(text)]).toEqual([key, parameters(key)]);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CHINESE } from '../../../server/commands/chinese';
import { EXIT_CODES } from '../../../server/commands/help';
import { EXIT } from '../../../server/commands/failure';
import { speaking, terminalLanguage } from '../../../server/commands/language';
import { COMMON } from '../../../server/commands/options';
import { ISOLATION_SENTENCES } from '../../../src/isolation';
import { CHECK_TEXTS } from '../../../src/preflight';
import { VERBS } from '../../../server/commands/verbs';

const folder = path.resolve(__dirname, '../../../server/commands');

/** Every sentence that a source hands to somebody's eyes. */
function spoken(): Set<string> {
  const found = new Set<string>();
  const literal = String.raw`\s*(?:'((?:[^'\\]|\\.)*)'|\x60([^\x60$]*)\x60)`;
  const places = [
    String.raw`\bsay\(`,
    String.raw`\busage\(`,
    String.raw`\b(?:hint|sentence)\s*=`,
    String.raw`EXIT\.\w+, '[A-Z_]+',`,
    String.raw`[?:]\s*say\(`,
  ];
  for (const file of readdirSync(folder).filter((name) => name !== 'chinese.ts')) {
    const text = readFileSync(path.join(folder, file), 'utf8');
    for (const place of places) {
      for (const [, quoted, ticked] of text.matchAll(new RegExp(place + literal, 'g'))) {
        found.add((quoted ?? ticked ?? '').replace(/\\(.)/g, '$1'));
      }
    }
  }
  return found;
}

describe('what the command says', () => {
  const taught = VERBS.flatMap(({ text, more = [], examples, options }) => [
    ...[text, ...more, ...examples.map(([, meaning]) => meaning)],
    ...options.map((option) => option.text),
  ]);
  const all = new Set([
    ...spoken(),
    ...taught,
    ...COMMON.map(({ text }) => text),
    ...EXIT_CODES.map(([, text]) => text),
    ...Object.values(ISOLATION_SENTENCES),
    ...Object.values(CHECK_TEXTS),
  ]);

  it('is said in Chinese, too', () => {
    expect(spoken().size).toBeGreaterThan(60);
    expect([...all].filter((sentence) => !(sentence in CHINESE))).toEqual([]);
  });

  it('is all that stands in the Chinese texts', () => {
    // The kinds of actors, and what stands in another word's place, are said by their names.
    const named = ['schedule', 'system'];
    const sources = readdirSync(folder)
      .filter((name) => name !== 'chinese.ts')
      .map((name) => readFileSync(path.join(folder, name), 'utf8').replaceAll("\\'", "'"))
      .join('\n');
    const unused = Object.keys(CHINESE).filter((text) => !all.has(text) && !named.includes(text));
    expect(unused.filter((text) => !sources.includes(`'${text}'`))).toEqual([]);
  });

  it('has the same parameters in both', () => {
    const parameters = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
    for (const [english, chinese] of Object.entries(CHINESE)) {
      expect([english, parameters(chinese)]).toEqual([english, parameters(english)]);
    }
  });

  it('is in the language of the terminal', () => {
    expect(terminalLanguage({ LANG: 'zh_CN.UTF-8' })).toBe('zh-CN');
    expect(terminalLanguage({ LANG: 'zh_CN.UTF-8', LC_ALL: 'C' })).toBe('en-US');
    expect(terminalLanguage({})).toBe('en-US');
    expect(speaking('zh-CN')('Remove {names}?', { names: 'crm' })).toBe('删除 crm？');
    expect(speaking('en-US')('Remove {names}?', { names: 'crm' })).toBe('Remove crm?');
  });

  it('tells every exit code', () => {
    expect(EXIT_CODES.map(([code]) => code)).toEqual(Object.values(EXIT));
  });
});

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { answerOf, translate } from '../../server/error-answers';
import { AppError, ERROR_TABLE } from '../../src/errors';
import { ISOLATION_SENTENCES } from '../../src/isolation';
import { phrase, readPhrase } from '../../src/phrase';
import { reasonsIn } from './helpers/reasons';

const root = path.resolve(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const english = JSON.parse(read('locale/en-US.json')) as Record<string, string>;
const chinese = JSON.parse(read('locale/zh-CN.json')) as Record<string, string>;

const files = String(execFileSync('find', ['src', 'server', '-name', '*.ts'], { cwd: root }))
  .trim()
  .split('\n');
const found = files.map((file) => ({ file, ...reasonsIn(file, read(file)) }));

/** An application whose texts are the locale files. */
const app = {
  i18n: {
    language: 'en-US',
    t: (key: string, { lng }: { lng?: string }) => (lng === 'zh-CN' ? (chinese[key] ?? key) : key),
    getResourceBundle: (lng: string) => ({ 'zh-CN': chinese, 'en-US': english })[lng],
  },
} as unknown as Application;

const messageOf = (error: AppError, language: string) => answerOf(app, error, language).message;

describe('the reasons in errors', () => {
  it('stand in both locale files, wherever they are in the source', () => {
    const texts = found.flatMap((one) => one.texts);
    expect(texts).toEqual(
      expect.arrayContaining([
        'it must be text',
        'it is longer than {max} characters',
        'the manifest',
        'line {line} of its database: {reason}',
        'true or false',
        'records',
      ]),
    );
    const sentences = [...new Set([...texts, ...Object.values(ISOLATION_SENTENCES)])];
    expect(sentences.filter((text) => !(text in english && text in chinese))).toEqual([]);
    // What is the same in all languages.
    const same = sentences.filter((text) => chinese[text] === text);
    expect(same.sort()).toEqual(['MB', 'SQLSTATE {code}']);
  });

  it('are never put together in the source: they are phrases', () => {
    expect(found.filter(({ untranslatable }) => untranslatable.length > 0)).toEqual([]);
  });

  it('are found at each of their places', () => {
    const code = `
      const helper = (what: string, reason: Reason) => new AppError('X', { reason });
      helper('no', 'argument'); helper('no', \`\${1} argument\`);
      const hint = yes ? 'one' : 'other';
      new AppError('X', { hint, field: 'no' });
      interface Rule { expects: Reason }
      const rule: Rule = { expects: phrase('{what} of {n}', { what: 'text', n: 'no' }) };
      tell({ reason: 'idle' });`;
    expect(reasonsIn('x.ts', code)).toEqual({
      texts: ['argument', 'one', 'other', '{what} of {n}', 'text'],
      untranslatable: ['`${1} argument`'],
    });
  });

  it('are Chinese in a Chinese answer, plain ones and phrases', () => {
    const plain = new AppError('APP_VALUE_INVALID', { field: 'sort', reason: 'it must be a whole number' });
    expect(plain.message).toBe('The value of "sort" is not valid: it must be a whole number.');
    expect(messageOf(plain, 'en-US')).toBe(plain.message);
    expect(messageOf(plain, 'zh-CN')).toBe('“sort”的值无效：必须是整数。');
    const reason = phrase('{path} must be {expects}', {
      path: 'dbConnType',
      expects: phrase('one of: {values}', { values: 'a, b' }),
    });
    const filled = new AppError('APP_OPTIONS_INVALID', { reason });
    expect(filled.message).toBe('The options of the application are not valid: dbConnType must be one of: a, b.');
    expect(messageOf(filled, 'en-US')).toBe(filled.message);
    expect(messageOf(filled, 'zh-CN')).toBe('应用选项无效：dbConnType 必须是以下之一：a, b。');
  });

  it('are Chinese, too, when they were stored as text', () => {
    const { message } = ERROR_TABLE.APP_DATABASE_DENIED;
    const reason = 'the role lacks the right CREATEDB';
    expect(translate(app, message, { reason }, 'zh-CN')).toContain('该角色缺少权限 CREATEDB');
    expect(translate(app, message, { reason }, 'en-US')).toContain(reason);
    expect(readPhrase(['{what} is missing', 'the key is missing'], 'the key is missing')?.params).toEqual({});
    expect(readPhrase(['{what} is missing'], 'the key is there')).toBeUndefined();
  });

  it.each(['ECONNREFUSED', 'words of $t(a program) {{x}}'])('leave alone what is no text of ours: %s', (reason) => {
    const { message } = ERROR_TABLE.APP_DATABASE_FAILED;
    for (const language of ['en-US', 'zh-CN', undefined]) {
      expect(translate(app, message, { reason }, language)).toContain(reason);
    }
  });

  it('are plain English text where an error is written or stored', () => {
    const reason = phrase('it is longer than {max} characters', { max: 255 });
    const { params } = new AppError('APP_VALUE_INVALID', { field: 'icon', reason });
    expect(JSON.stringify(params)).toBe('{"field":"icon","reason":"it is longer than 255 characters"}');
    expect(`${reason}`).toBe('it is longer than 255 characters'); // eslint-disable-line @typescript-eslint/restrict-template-expressions -- what it is made for
  });
});

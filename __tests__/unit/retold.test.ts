import fc from 'fast-check';
import { AppError, ERROR_TABLE, type ErrorCode } from '../../src/errors';
import { fillMessage, readMessage } from '../../src/phrase';
import { retold } from '../../server/retold';

const say = (sentence: string, params: object) => `译：${fillMessage(sentence, params as Record<string, string>)}`;

describe('failures that were told before', () => {
  it('are read from every sentence, whatever fills it', () => {
    const codes = fc.constantFrom(...(Object.keys(ERROR_TABLE) as ErrorCode[]));
    fc.assert(
      fc.property(codes, fc.func(fc.string()), (code, value) => {
        const template = ERROR_TABLE[code].message;
        const keys = [...template.matchAll(/\{(\w+)\}/g)].map(([, key]) => key as string);
        const message = fillMessage(template, Object.fromEntries(keys.map((key) => [key, value(key)])));
        const params = readMessage(template, message);
        // What was filled in may look like a parameter itself; then the sentence is left as it was.
        if (params) expect(fillMessage(template, params)).toBe(message);
        else expect(message).toMatch(/\{\w+\}/);
      }),
    );
  });

  it('are told in the language of the caller, wherever they stand in an answer', () => {
    const { code, message } = new AppError('APP_DATABASE_MISSING', { database: 'crm' });
    const rows = [
      { name: 'crm', lastError: { code, message, step: 'connect' } },
      { type: 'failed', reason: code, message, at: new Date(0) },
    ];
    expect(retold({ rows, count: 2 }, say)).toEqual({
      rows: [
        { name: 'crm', lastError: { code, message: `译：${message}`, step: 'connect' } },
        { type: 'failed', reason: code, message: `译：${message}`, at: new Date(0) },
      ],
      count: 2,
    });
  });

  it('are left alone where it is not our sentence, and so is everything else', () => {
    const answer = {
      code: 'APP_DATABASE_MISSING',
      message: '数据库没有了',
      reason: 'idle',
      at: null,
      n: [1, 'x', null],
    };
    expect(retold(answer, say)).toEqual(answer);
    const stream = process.stdin;
    expect(retold(stream, say)).toBe(stream);
  });
});

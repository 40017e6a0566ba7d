import { createRequire } from 'node:module';
import path from 'node:path';
import { ComputingTime, computingTimeOf, forgetComputingTime } from '../../../server/nocobase/computing-time';
import { withinTime } from '../../../server/nocobase/formulas';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { evaluators } = host('@nocobase/evaluators') as {
  evaluators: { get(engine: string): (expression: string, scope?: object) => unknown };
};

const TIME = { maxMs: 100, freeMs: 5 };
const endless = () => {
  for (;;);
};

const codeOf = (compute: () => unknown): unknown => {
  try {
    return compute();
  } catch (error) {
    return (error as { code?: unknown }).code ?? (error as Error).message;
  }
};

describe('computing time', () => {
  let now = 0;
  const time = () => new ComputingTime('crm', () => now);

  it('returns and throws what the computation does', () => {
    expect(time().run(() => [1], TIME, 'f', 'late')).toEqual([1]);
    expect(time().run(() => undefined, TIME, 'f', 'late')).toBeUndefined();
    const error = new Error('of its own');
    expect(() =>
      time().run(
        () => {
          throw error;
        },
        TIME,
        'f',
        'late',
      ),
    ).toThrow(error);
  });

  it('ends a computation that does not end, also one that catches everything', () => {
    const stubborn = () => {
      for (;;) {
        try {
          endless();
        } finally {
          // eslint-disable-next-line no-unsafe-finally
          continue;
        }
      }
    };
    for (const compute of [endless, stubborn, () => /^(a+)+$/.test(`${'a'.repeat(60)}!`)]) {
      expect(codeOf(() => time().run(compute, TIME, 'f', 'late'))).toBe('APP_VALUE_INVALID');
    }
  });

  it('may be nested', () => {
    const one = time();
    const inner = () => codeOf(() => one.run(endless, { ...TIME, maxMs: 20 }, 'f', 'late'));
    expect(one.run(() => [inner(), 'goes on'], TIME, 'f', 'late')).toEqual(['APP_VALUE_INVALID', 'goes on']);
  });

  it('is used up by what takes longer than its free time, and comes back', () => {
    const one = time();
    const take = (ms: number) => codeOf(() => one.run(() => void (now += ms), TIME, 'f', 'late'));
    for (let index = 0; index < 1_000; index += 1) expect(take(5)).toBeUndefined();
    for (let index = 0; index < 9; index += 1) expect(take(120)).toBeUndefined();
    expect(take(105)).toBeUndefined();
    expect(take(5)).toBe('APP_BUSY');
    now += 3_000;
    expect(take(5)).toBeUndefined();
  });

  it('is one for all instances of an application', () => {
    const one = computingTimeOf('crm');
    expect(computingTimeOf('crm')).toBe(one);
    expect(computingTimeOf('shop')).not.toBe(one);
    forgetComputingTime('crm');
    expect(computingTimeOf('crm')).not.toBe(one);
  });
});

describe('formulas of applications', () => {
  let current: string | undefined = 'crm';
  beforeAll(() => codeOf(() => evaluators.get('formula.js')('1', {})));
  const engine = (name: string) => withinTime(evaluators.get(name), () => current);

  it('compute as ever', () => {
    expect(engine('math.js')('1 + {{a}}', { a: 2 })).toBe(3);
    expect(engine('formula.js')('SUM(1, {{a}})', { a: 2 })).toBe(3);
    expect(engine('string')('x{{a}}', { a: 2 })).toBe('x2');
    expect(() => engine('math.js')('1 +', {})).toThrow();
  });

  it.each([
    ['formula.js', '(() => { for (;;); })()'],
    ['formula.js', '(() => { for (;;) { try { for (;;); } catch {} } })()'],
    ['formula.js', `/^(a+)+$/.test('${'a'.repeat(60)}!')`],
    ['formula.js', `'${'a'.repeat(60)}!'.replace(/(a*)*$b/, '')`],
    ['formula.js', '(() => { let n = 0; while (n >= 0) n += 1; })()'],
    ['formula.js', `'${'a'.repeat(60)}!'.match(new RegExp('^(a|a)*$'))`],
    ['formula.js', '((f) => f(f, 60))((f, n) => (n < 2 ? 1 : f(f, n - 1) + f(f, n - 2)))'],
    ['math.js', 'sum(map(1:3000000, f(x) = x ^ 2))'],
    ['math.js', 'f(x) = x < 2 ? 1 : f(x - 1) + f(x - 2); f(60)'],
  ])('of %s end after a while: %s', (name, expression) => {
    current = `crm ${expression}`;
    expect(codeOf(() => engine(name)(expression, {}))).toBe('APP_VALUE_INVALID');
  });

  it('of the main application are as they were', () => {
    current = undefined;
    expect(engine('formula.js')('1 + 1')).toBe(2);
  });
});

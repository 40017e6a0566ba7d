import { createRequire } from 'node:module';
import path from 'node:path';
import fc from 'fast-check';
import { pathPatternsPatch } from '../../../server/lifecycle/fast-start/path-patterns';

const host = createRequire(path.resolve('host/node_modules/x.js'));

type Key = { name: string | number };
interface Patterns {
  pathToRegexp(pattern: unknown, keys?: Key[], options?: object): RegExp;
}
interface Resources {
  parseRequest(request: { path: string; method: string; type?: string }, options?: object): unknown;
}

const patterns = host('./path-to-regexp') as Patterns;
const { parseRequest } = host('./@nocobase/resourcer/lib/utils.js') as Resources;
const original = patterns.pathToRegexp.bind(patterns);

function translated(translate: Patterns['pathToRegexp'], pattern: unknown, options?: object): unknown {
  const keys: Key[] = [];
  try {
    const { source, flags } = translate(pattern, keys, options);
    return { source, flags, keys };
  } catch (error) {
    return String(error);
  }
}

const segment = fc.constantFrom(
  '/',
  ':name',
  ':rest(.*)',
  '(\\d+)',
  '?',
  '*',
  '{',
  '}',
  'api',
  '[',
  '.',
  ':id?',
  '\\',
  '/中',
);
const pattern = fc.array(segment, { maxLength: 8 }).map((parts) => parts.join(''));

describe('the patterns of addresses', () => {
  beforeAll(() => expect(pathPatternsPatch.install('2.2.15')).toBe(true));
  afterAll(() => pathPatternsPatch.uninstall());

  it('are translated as NocoBase’s library does it, the first time and again', () => {
    fc.assert(
      fc.property(pattern, (one) => {
        const expected = translated(original, one);
        for (let round = 0; round < 2; round += 1) expect(translated(patterns.pathToRegexp, one)).toEqual(expected);
      }),
    );
  });

  it('are kept: the same expression is given out, with keys that a caller may change', () => {
    const [keys, others]: Key[][] = [[], []];
    const expression = patterns.pathToRegexp('/api/:resourceName', keys);
    expect(patterns.pathToRegexp('/api/:resourceName', others)).toBe(expression);
    for (const key of keys as Key[]) key.name = 'changed';
    expect(others).toEqual([expect.objectContaining({ name: 'resourceName' })]);
    expect(patterns.pathToRegexp('/api/:resourceName')).toBe(expression);
  });

  it('are those of NocoBase’s own requests: none is translated twice', () => {
    const patched = patterns.pathToRegexp;
    const given: RegExp[] = [];
    patterns.pathToRegexp = (...call) => {
      const expression = patched(...call);
      given.push(expression);
      return expression;
    };
    try {
      const ask = () => {
        given.length = 0;
        parseRequest({ path: '/api/users/1/posts/2', method: 'GET' }, { prefix: '/api' });
        return [...given];
      };
      const first = ask();
      const second = ask();
      expect(first.length).toBeGreaterThan(4);
      for (const [index, expression] of second.entries()) expect(expression).toBe(first[index]);
    } finally {
      patterns.pathToRegexp = patched;
    }
  });

  it('with options, as lists, as expressions and of great length are left to the library', () => {
    const long = `/${'a'.repeat(600)}`;
    for (const [given, options] of [['/Api/:id', { sensitive: true }], [['/a', '/b']], [/x/], [long]] as const) {
      expect(translated(patterns.pathToRegexp, given, options)).toEqual(translated(original, given, options));
      if (given !== long) continue;
      expect(patterns.pathToRegexp(long)).not.toBe(patterns.pathToRegexp(long));
    }
  });

  it('are kept in a bounded number', () => {
    const first = patterns.pathToRegexp('/bounded/:id');
    for (let count = 0; count < 500; count += 1) patterns.pathToRegexp(`/bounded/${count}`);
    expect(patterns.pathToRegexp('/bounded/:id')).not.toBe(first);
  });

  it('name the same resource and action for any request', () => {
    const part = fc.constantFrom('users', 'users:list', 'posts', '1', 'a b', '%E4%B8%AD', 'comments:get', 'x.y:z', '');
    const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE');
    const type = fc.constantFrom(undefined, 'single', 'hasOne', 'hasMany', 'belongsTo', 'belongsToMany');
    const address = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `/api/${parts.join('/')}`);
    fc.assert(
      fc.property(address, method, type, (of, by, kind) => {
        const ask = () => parseRequest({ path: of, method: by, ...(kind && { type: kind }) }, { prefix: '/api' });
        const kept = ask();
        pathPatternsPatch.uninstall();
        const anew = ask();
        pathPatternsPatch.install('2.2.15');
        expect(kept).toEqual(anew);
      }),
    );
  });
});

import { createRequire } from 'node:module';
import path from 'node:path';
import { confineEngines, evaluateQuery } from '../../../server/nocobase/json-queries';

/** The libraries as the node "JSON query" finds them. */
const host = createRequire(path.resolve('host/node_modules/x.js'));
const libraries = createRequire(
  host.resolve('@nocobase/plugin-workflow-json-query/dist/server/JSONQueryInstruction.js'),
);

type Evaluate = (expression: unknown, source: unknown) => unknown;

function engines() {
  const other = () => 'other';
  const registry = { get: (name: unknown): Evaluate | undefined => (name === 'other' ? other : undefined) };
  confineEngines(registry, (name) => libraries.resolve(name), 'crm');
  return (engine: string, expression: unknown, source: unknown = {}) => registry.get(engine)?.(expression, source);
}

const query = engines();
const inherited = ['constructor', '__defineGetter__', '__lookupGetter__', '__lookupSetter__', '__proto__'];

describe('queries of the node "JSON query"', () => {
  it.each<[string, string, unknown, unknown]>([
    ['jmespath', 'a[*].b', { a: [{ b: 1 }, { b: 2 }] }, [1, 2]],
    ['jsonpathplus', '$.a[?(@.b>1)].b', { a: [{ b: 1 }, { b: 2 }] }, [2]],
    ['jsonpathplus', '$.a', { a: 7 }, 7],
    ['jsonata', '$sum(a.b)', { a: [{ b: 1 }, { b: 2 }] }, 3],
    ['jsonata', '$map(a, function($v) { $v * 2 })', { a: [1, 2] }, [2, 4]],
    ['jsonata', '$base64decode($base64encode("häus")) & $base64encode("ab")', {}, 'häusYWI='],
    ['jsonata', 'missing', {}, undefined],
    ['jsonata', 'd', { d: new Date(0) }, '1970-01-01T00:00:00.000Z'],
    ['jsonata', '1 + 1', undefined, 2],
  ])('%s evaluates %s', async (engine, expression, source, expected) => {
    expect(await query(engine, expression, source)).toEqual(expected);
  });

  it('no query changes the library of the next one', async () => {
    const attack = '( $d := o.__defineGetter__; $sum.($d("implementation", function(){1})) )';
    await Promise.resolve(query('jsonata', attack, { o: {} })).catch(() => undefined);
    expect(await query('jsonata', '$sum([1, 2])')).toBe(3);
    const library = libraries('jsonata') as (text: string) => { evaluate(data: object): Promise<unknown> };
    expect(await library('$sum([1, 2])').evaluate({})).toBe(3);
  });

  it('no expression runs code or reaches the process', async () => {
    const constructed = ['o.constructor.constructor', '$sum.constructor', '$lookup(o, "constructor").constructor'];
    for (const found of constructed) {
      const attempt = Promise.resolve(query('jsonata', `( $f := ${found}; $f("return 7")() )`, { o: {} }));
      expect(await attempt.catch(() => 'refused')).toBe('refused');
    }
    const filter = `$..[?(@.constructor.constructor('return process')())]`;
    await expect(Promise.resolve(query('jsonpathplus', filter, { a: { b: 1 } }))).rejects.toThrow();
    for (const name of inherited) expect(typeof (await query('jsonata', `o.${name}`, { o: {} }))).not.toBe('function');
  });

  it('data holds no functions: they would be those of the process', async () => {
    expect(await query('jsonata', '$type(f)', { f: Object })).toBeUndefined();
  });

  it('JSONPath keeps nothing in the process', async () => {
    const { JSONPath } = libraries('jsonpath-plus') as { JSONPath: { cache: object } };
    const before = Object.keys(JSONPath.cache).length;
    await query('jsonpathplus', '$.only.here', { only: { here: 1 } });
    expect(Object.keys(JSONPath.cache)).toHaveLength(before);
  });

  it('tells the error of the library', async () => {
    await expect(query('jsonata', '$foo()')).rejects.toMatchObject({ code: 'T1006' });
    await expect(query('jmespath', 'a[')).rejects.toThrow();
    await expect(query('jmespath', ['a'])).rejects.toThrow('must be a text');
  });

  it('a query that does not end is ended, also while it waits for itself', async () => {
    const file = libraries.resolve('jsonata');
    const endless = '( $f := function($n) { $f($n + 1) }; $f(0) )';
    const run = evaluateQuery({ engine: 'jsonata', file, expression: endless, source: '{}' }, 300);
    await expect(run).rejects.toThrow('longer than 300 ms');
  });

  it('ends with its application', async () => {
    const end = new AbortController();
    const file = libraries.resolve('jsonata');
    const endless = '( $f := function($n) { $f($n + 1) }; $f(0) )';
    const run = evaluateQuery({ engine: 'jsonata', file, expression: endless, source: '{}' }, 9_000, end.signal);
    setTimeout(() => end.abort(new Error('stopped')), 100);
    await expect(run).rejects.toThrow('stopped');
  });

  it('leaves other engines as they are', () => {
    expect(query('other', 'x')).toBe('other');
    expect(query('none', 'x')).toBeUndefined();
  });
});

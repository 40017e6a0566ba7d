import { createRequire } from 'node:module';
import path from 'node:path';
import { freezeAll, keepUnits } from '../../../server/nocobase/formulas';

/** The libraries as NocoBase's formulas find them. */
const host = createRequire(path.resolve('host/node_modules/x.js'));
const load = createRequire(host.resolve('@nocobase/evaluators'));

type Functions = Record<string, unknown> & {
  ABS: (value: unknown) => unknown;
  NORM: { S: { DIST: (value: number, cumulative: boolean) => number } };
  NA: () => Error;
};

describe('the libraries that formulas of all applications share', () => {
  it('no function of formula.js can be replaced, nor what is reached through it', () => {
    const functions = load('@formulajs/formulajs') as Functions;
    freezeAll({ ...functions });
    const { ABS, NORM, NA } = functions;
    for (const change of [
      () => (NORM.S.DIST = () => 0),
      () => Object.assign(NORM, { S: {} }),
      () => Object.assign(ABS, { seen: [] }),
      () => Object.assign(ABS.prototype as object, { seen: [] }),
      () => (NA().message = 'changed'),
      () => Object.setPrototypeOf(ABS, {}),
    ]) {
      expect(change).toThrow(TypeError);
    }
    const open = Object.values(functions).filter((value) => typeof value === 'function' && !Object.isFrozen(value));
    expect(open).toEqual([]);
    expect([ABS(-3), NORM.S.DIST(1, true).toFixed(3), NA().message]).toEqual([3, '0.841', '#N/A']);
  });

  it.each([
    'createUnit("foobar", "3 m")',
    'createUnit("foobar")',
    'createUnit("km", "5 m", {override: true})',
    'createUnit({"foobar": {"definition": "3 m"}})',
    'createUnit({"km": {"definition": "5 m"}}, {override: true})',
    'parser().evaluate("createUnit(\\"foobar\\", \\"3 m\\")")',
  ])('no unit of math.js can be defined or replaced: %s', (formula) => {
    const math = load('mathjs') as { Unit: Parameters<typeof keepUnits>[0]; evaluate(formula: string): unknown };
    keepUnits(math.Unit);
    expect(() => math.evaluate(formula)).toThrow('a formula cannot define units');
    expect(() => math.evaluate('5 foobar to m')).toThrow();
    expect(String(math.evaluate('1 km to m'))).toBe('1000 m');
  });

  it('another version of the library is noticed', () => {
    expect(() => keepUnits({} as never)).toThrow('no createUnit');
  });
});

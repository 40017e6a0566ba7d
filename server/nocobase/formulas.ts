import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { computingTimeOf } from './computing-time';
import { changeHost } from './host-parts';

/**
 * Formulas (workflow nodes, formula fields) run in one process with the same libraries for all applications. A formula
 * that replaces a function of its library, or defines a unit, would change the formulas of every other application, and
 * read what they compute with.
 */

type UnitClass = Record<'createUnit' | 'createUnitSingle' | 'deleteUnit', (...given: unknown[]) => unknown>;

/** Freezes a value and everything that can be reached through its own properties. */
export function freezeAll(value: unknown, seen = new Set<unknown>()): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
  seen.add(value);
  for (const { value: inner } of Object.values(Object.getOwnPropertyDescriptors(value))) freezeAll(inner, seen);
  Object.freeze(value);
}

/** Makes the units of the library stay as they are: all formulas share them. */
export function keepUnits(unit: UnitClass): void {
  const refuse = () => {
    throw new Error('a formula cannot define units: all applications share them');
  };
  for (const method of ['createUnit', 'createUnitSingle', 'deleteUnit'] as const) {
    if (typeof unit[method] !== 'function') throw new TypeError(`the class of units has no ${method}`);
    unit[method] = refuse;
  }
}

type Evaluate = (expression: string, scope?: object) => unknown;

/** The registry of NocoBase; its method does not replace an engine. */
interface Evaluators {
  map: Map<string, Evaluate>;
}

/** A formula computes in the shared thread. */
const TIME = { maxMs: 250, freeMs: 5 };

/**
 * Makes an engine end formulas of applications that take too long. Its first formula is one of ours, without a limit: the
 * engine prepares itself then, and must not be ended in between.
 */
export function withinTime(evaluate: Evaluate, current: () => string | undefined): Evaluate {
  let prepared = false;
  return (...given) => {
    const name = current();
    if (name === undefined) return evaluate(...given);
    if (!prepared) evaluate('1', {});
    prepared = true;
    return computingTimeOf(name).run(() => evaluate(...given), TIME, 'expression', 'computing it takes too long');
  };
}

let separated = false;

/**
 * Separates the formulas of the applications. Does its work once in a process; what is not found is logged.
 * @param current returns the ID of the application that runs code now; undefined for the main application
 */
export function separateFormulas(app: Application, current: () => string | undefined): void {
  if (separated) return;
  separated = true;
  const boundAll = ({ map }: Evaluators) => {
    for (const [engine, evaluate] of map) map.set(engine, withinTime(evaluate, current));
  };
  const parts: Record<string, (load: NodeRequire, evaluators: string) => void> = {
    'all engines': (load, file) => boundAll((load(file) as { evaluators: Evaluators }).evaluators),
    'formula.js': (load) => freezeAll({ ...(load('@formulajs/formulajs') as object) }),
    'math.js': (load) => keepUnits((load('mathjs') as { Unit: UnitClass }).Unit),
  };
  for (const [library, separate] of Object.entries(parts)) {
    const notice = `formulas of ${library} are not separated: this version of NocoBase has another library`;
    changeHost(app, notice, (load) => {
      const evaluators = load.resolve('@nocobase/evaluators');
      separate(createRequire(evaluators), evaluators);
    });
  }
}

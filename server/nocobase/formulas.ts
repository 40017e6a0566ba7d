import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';

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

let separated = false;

/** Separates the formulas of the applications. Does its work once in a process; what is not found is logged. */
export function separateFormulas(app: Application): void {
  if (separated) return;
  separated = true;
  const parts: Record<string, (load: NodeRequire) => void> = {
    'formula.js': (load) => freezeAll({ ...(load('@formulajs/formulajs') as object) }),
    'math.js': (load) => keepUnits((load('mathjs') as { Unit: UnitClass }).Unit),
  };
  for (const [library, separate] of Object.entries(parts)) {
    try {
      const evaluators = createRequire(require.resolve('@nocobase/server')).resolve('@nocobase/evaluators');
      separate(createRequire(evaluators));
    } catch (error) {
      const notice = `formulas of ${library} are not separated: this version of NocoBase has another library`;
      app.log.warn(notice, { module: 'app-supervisor', error: String(error) });
    }
  }
}

import { AppError } from '../../src/errors';

/**
 * LiquidJS renders SQL that administrators of applications write. Its tags `include`, `render` and `layout` read files
 * below the folder that the process runs in, and its ranges take as much memory as they name.
 */

/** The most memory that a template may take, as the engine counts it: characters, and items of lists. */
const MAX_MEMORY = 20_000_000;
/** The longest time of one rendering in milliseconds: it holds up all applications. */
const MAX_RENDER_MS = 500;
/** The longest template in characters. */
const MAX_LENGTH = 2_000_000;

type Limit = 'memoryLimit' | 'renderLimit' | 'parseLimit';

interface LiquidEngine {
  options: Partial<Record<Limit, number>>;
}

/** The methods of the class that all reads of files go through. */
const READERS = ['_parsePartialFile', '_parseLayoutFile', '_parseFile', 'parseFile', 'parseFileSync'] as const;

/** The class of LiquidJS, as far as it is used here. */
export interface LiquidClass {
  prototype: Record<(typeof READERS)[number] | 'parse', (this: LiquidEngine, ...given: unknown[]) => unknown>;
}

const confined = new WeakSet<LiquidClass>();

/**
 * Makes all engines of the class find no files, and bounds their templates. Does its work once for each class.
 * @throws TypeError if the class lacks members
 */
export function confineLiquid(liquid: LiquidClass): void {
  if (confined.has(liquid)) return;
  const { prototype } = liquid;
  for (const method of [...READERS, 'parse'] as const) {
    if (typeof prototype?.[method] !== 'function') throw new TypeError(`the class of LiquidJS has no ${method}`);
  }
  confined.add(liquid);
  // On the prototype: NocoBase keeps its engine to itself.
  for (const method of READERS) {
    prototype[method] = () => {
      throw new AppError('APP_VALUE_INVALID', { field: 'template', reason: 'a template cannot read files' });
    };
  }
  const { parse } = prototype;
  prototype.parse = function parseBounded(...given) {
    limit(this.options);
    return parse.apply(this, given);
  };
}

function limit(options: LiquidEngine['options']): void {
  options.memoryLimit = Math.min(options.memoryLimit ?? Infinity, MAX_MEMORY);
  options.renderLimit = Math.min(options.renderLimit ?? Infinity, MAX_RENDER_MS);
  options.parseLimit = Math.min(options.parseLimit ?? Infinity, MAX_LENGTH);
}

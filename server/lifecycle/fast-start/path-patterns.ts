import { createRequire } from 'node:module';
import { hostRequire } from '../../nocobase/host-parts';
import { methodPatch } from './method-patch';

/** A parameter that a pattern names; `pathToRegexp` adds those of a pattern to a list of its caller. */
type Key = Record<string, unknown>;
type PathToRegexp = (this: unknown, path: unknown, keys?: Key[], options?: unknown) => RegExp;

/** NocoBase uses a few dozen patterns, of which each begins with the path of the API. */
const MAX_PATTERNS = 500;
/** A longer one is no pattern of NocoBase's own. */
const MAX_LENGTH = 500;

/** NocoBase itself passes an empty object. */
function isEmpty(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return options === undefined;
  for (const _name in options) return false;
  return true;
}

/** The package as NocoBase's part for resources finds it. */
const pathToRegexpPackage = () => {
  const resourcer = createRequire(hostRequire().resolve('@nocobase/resourcer'));
  return resourcer('path-to-regexp') as object;
};

/**
 * NocoBase translates the patterns of its addresses into regular expressions anew at each request to a resource. That is 4
 * to 6 percent of the thread's time for such a request, and 60 KB of garbage. The translation depends on the pattern alone, if no
 * options are given: it is kept. Callers share the expression, which has no state, and get copies of the keys.
 */
export const pathPatternsPatch = methodPatch<PathToRegexp>(
  'path-patterns',
  pathToRegexpPackage,
  'pathToRegexp',
  ['f03b30744a2b'],
  (original) => {
    const known = new Map<string, { expression: RegExp; keys: Key[] }>();
    const translate = (path: string) => {
      const keys: Key[] = [];
      const pattern = { expression: original.call(undefined, path, keys), keys };
      if (known.size >= MAX_PATTERNS) known.clear();
      known.set(path, pattern);
      return pattern;
    };
    return function (path, keys, options) {
      if (typeof path !== 'string' || path.length > MAX_LENGTH || !isEmpty(options)) {
        return original.call(this, path, keys, options);
      }
      const pattern = known.get(path) ?? translate(path);
      if (keys) for (const key of pattern.keys) keys.push({ ...key });
      return pattern.expression;
    };
  },
);

import { createHash } from 'node:crypto';

// `this` is another one in each patch: `any` is the only type that all of them extend.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Method = (this: any, ...args: never[]) => unknown;

/** A method of a shared prototype or class that is replaced for the whole process, and can be put back. */
export interface MethodPatch {
  readonly name: string;
  /**
   * Replaces the method, unless it is not one of those that the replacement was checked on: a new version of NocoBase,
   * or another plugin's change, is left alone.
   * @param version of @nocobase/server
   * @returns whether the replacement is in force
   */
  install(version: string): boolean;
  /** From here on the original does its work, also where somebody has wrapped the replacement meanwhile. */
  uninstall(): void;
}

/** The minor versions of NocoBase that the replacements were checked on. */
const CHECKED_VERSION = /^2\.2\.\d+/;

/** The first 12 hexadecimal digits of the SHA-256 of a method's source text. */
export function shapeOf(method: unknown): string {
  return createHash('sha256').update(Function.prototype.toString.call(method)).digest('hex').slice(0, 12);
}

/**
 * @param owner the prototype or class; undefined where NocoBase has none such
 * @param shapes `shapeOf` the methods that this was checked on
 * @param replace makes the replacement; `original` must be called with the same `this`
 */
export function methodPatch<M extends Method>(
  name: string,
  owner: () => object | undefined,
  method: string,
  shapes: readonly string[],
  replace: (original: M) => M,
): MethodPatch {
  let place: { target: Record<string, unknown>; original: M; replacement: M } | undefined;
  let active = false;
  return {
    name,
    install(version) {
      if (!CHECKED_VERSION.test(version)) return false;
      if (!place) {
        const target = owner() as Record<string, unknown> | undefined;
        const descriptor = target && Object.getOwnPropertyDescriptor(target, method);
        const original: unknown = descriptor?.value;
        if (!target || typeof original !== 'function' || !shapes.includes(shapeOf(original))) return false;
        if (!descriptor?.writable && !descriptor?.configurable) return false;
        const better = replace(original as M);
        const replacement = function (this: unknown, ...args: never[]) {
          return active ? better.apply(this, args) : original.apply(this, args);
        } as M;
        Object.defineProperty(target, method, { ...descriptor, value: replacement });
        place = { target, original: original as M, replacement };
      }
      active = true;
      return true;
    },
    uninstall() {
      active = false;
      if (place?.target[method] !== place?.replacement) return;
      if (place) {
        const descriptor = Object.getOwnPropertyDescriptor(place.target, method);
        Object.defineProperty(place.target, method, { ...descriptor, value: place.original });
      }
      place = undefined;
    },
  };
}

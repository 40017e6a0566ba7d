import { parse } from '@nocobase/utils';

/**
 * The pattern by which NocoBase finds variables in texts of workflows, custom requests and settings matches "_" in two ways:
 * the time for a text without an end doubles with each "_" in it. This one matches the same texts, in one way each.
 */
const VARIABLE = /{{[\w:\s\-+.,@/()?=*$]+}}/g;
const PROBE = '{{app_supervisor}}';

let bounded = false;

/**
 * Lets NocoBase find variables in time that grows with the text only. NocoBase keeps its pattern to itself: it is caught
 * while it is used. Call it before NocoBase locks the language's own objects. May be repeated.
 * @returns false if NocoBase finds variables in another way, or has locked the objects already
 */
export function boundVariablePattern(): boolean {
  if (bounded) return true;
  const native = Object.getOwnPropertyDescriptor(RegExp.prototype, Symbol.match);
  const match = native?.value as ((this: RegExp, text: string) => string[] | null) | undefined;
  if (!native?.configurable || typeof match !== 'function') return false;
  const found: RegExp[] = [];
  Object.defineProperty(RegExp.prototype, Symbol.match, {
    ...native,
    value(this: RegExp, text: string) {
      if (text === PROBE && this.source.startsWith('{{')) found.push(this);
      return match.call(this, text);
    },
  });
  try {
    (parse as (value: unknown) => unknown)(PROBE);
  } finally {
    Object.defineProperty(RegExp.prototype, Symbol.match, native);
  }
  const [pattern, ...others] = found;
  if (!pattern || others.length > 0 || !pattern.global) return false;
  Object.defineProperty(pattern, Symbol.match, { value: (text: string) => match.call(VARIABLE, text) });
  bounded = true;
  return true;
}

import { isPlainObject } from '../plain-object';

/** What the templates of one request may have at most. NocoBase parses and runs each expression (`{{ … }}`) by itself. */
export const TEMPLATE_BOUNDS = {
  /** Expressions of one template: it is resolved in one stretch of the thread. */
  expressions: 100,
  /** Expressions of all templates of a request. */
  total: 1_000,
  /** Characters of a text with expressions: a faulty one is parsed to its end for each of them. */
  characters: 16 * 1_024,
} as const;

/** Expressions that are resolved before another request has its turn. */
const GROUP = 50;

/** A bound that templates exceed, in words for an error. */
export interface ExceededTemplates {
  limit: number;
  unit: 'expressions in one template' | 'expressions' | 'KB in a text with expressions';
}

/** The places where an expression may begin in a text. Of three braces, the second may begin one as well. */
function openings(text: string): number {
  let found = 0;
  for (let at = text.indexOf('{{'); at >= 0; at = text.indexOf('{{', at + 1)) found += 1;
  return found;
}

interface TemplateSize {
  expressions: number;
  /** Of the longest text with expressions. */
  characters: number;
}

function sizeOf(template: unknown): TemplateSize {
  const size = { expressions: 0, characters: 0 };
  const visit = (value: unknown): void => {
    if (typeof value === 'string') {
      const found = openings(value);
      size.expressions += found;
      if (found > 0) size.characters = Math.max(size.characters, value.length);
    } else if (typeof value === 'object' && value !== null) {
      for (const member of Object.values(value)) visit(member);
    }
  };
  visit(template);
  return size;
}

/** The first bound that the templates of a request exceed; undefined if they exceed none. */
export function exceededTemplates(templates: readonly unknown[]): ExceededTemplates | undefined {
  const { expressions, total, characters } = TEMPLATE_BOUNDS;
  let all = 0;
  for (const template of templates) {
    const size = sizeOf(template);
    if (size.expressions > expressions) return { limit: expressions, unit: 'expressions in one template' };
    if (size.characters > characters) return { limit: characters / 1_024, unit: 'KB in a text with expressions' };
    all += size.expressions;
  }
  return all > total ? { limit: total, unit: 'expressions' } : undefined;
}

/** The batch in the values of `variables:resolve`, where it has one. NocoBase looks at both places. */
export function batchOf(values: unknown): unknown[] | undefined {
  if (!isPlainObject(values)) return undefined;
  const inner = values.values === undefined ? values : values.values;
  return isPlainObject(inner) && Array.isArray(inner.batch) ? (inner.batch as unknown[]) : undefined;
}

/** The templates of `variables:resolve`, one by one, or those of any other action as one. */
export function templatesOf(values: unknown): unknown[] {
  return batchOf(values) ?? [values];
}

/** Elements of a batch in groups, each of which is resolved in one stretch. An element is never divided. */
export function groupsOf(batch: readonly unknown[]): unknown[][] {
  const groups: unknown[][] = [];
  let size = Infinity;
  for (const element of batch) {
    const { expressions } = sizeOf(element);
    if (size + expressions > GROUP) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(element);
    size += expressions;
  }
  return groups;
}

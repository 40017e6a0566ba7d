import type Database from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { changeHost } from './host-parts';

/**
 * Some fields make values of a length that an administrator of an application wrote. NocoBase takes any number: a field
 * `nanoid` of 20 million characters takes 2.5 GB of the shared process, for good. All these fields are columns of at most
 * 255 characters, so that longer values could not be stored.
 */

/** The length of the columns of NocoBase's text fields. */
const MAX_LENGTH = 255;
/** A character stands for one byte. */
const MAX_ALPHABET = 256;
/** NocoBase knows four sets of characters. */
const MAX_CHARSETS = 4;
/** The parts of one sequence. */
const MAX_PARTS = 100;

interface Range {
  /** The option, as the error names it. */
  option: string;
  value: unknown;
  least: number;
  most: number;
}

interface SizedField {
  name: string;
  type: string;
  options: Record<string, unknown>;
  database: Database;
  bind: (this: SizedField) => void;
}

type Part = { options?: Record<string, unknown> | null } | null | undefined;

const lengthOf = (option: string, value: unknown, least = 0): Range => ({ option, value, least, most: MAX_LENGTH });

/** The length of a text or a list; NaN for another value. An absent one stays absent. */
function sizeOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' || (Array.isArray(value) && value.length > 0) ? value.length : NaN;
}

function rangesOfParts(patterns: unknown): Range[] {
  const parts: Part[] = Array.isArray(patterns) ? patterns : [];
  const ranges: Range[] = [{ option: 'patterns', value: parts.length, least: 0, most: MAX_PARTS }];
  for (const part of parts.slice(0, MAX_PARTS)) {
    const { digits, base, length, start, value, charsets } = part?.options ?? {};
    ranges.push(lengthOf('digits', digits, 1));
    ranges.push({ option: 'base', value: base, least: 2, most: 36 });
    ranges.push(lengthOf('length', length, 1));
    ranges.push({ option: 'start', value: start, least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER });
    ranges.push(lengthOf('value', sizeOf(value)));
    ranges.push({ option: 'charsets', value: sizeOf(charsets), least: 0, most: MAX_CHARSETS });
  }
  return ranges;
}

/** The sizes that the fields of a type have among their options, and their ranges. */
const SIZES: Record<string, (options: SizedField['options']) => Range[]> = {
  nanoid: ({ size, customAlphabet }) => [
    lengthOf('size', size),
    { option: 'customAlphabet', value: sizeOf(customAlphabet || undefined), least: 1, most: MAX_ALPHABET },
  ],
  password: ({ length, randomBytesSize }) => [
    lengthOf('length', length, 2),
    lengthOf('randomBytesSize', randomBytesSize),
  ],
  sequence: ({ patterns }) => rangesOfParts(patterns),
};

/** The methods and listeners of these fields that make or compare values; not all are asynchronous. */
const MAKERS = [
  ...(['listener', 'bulkUpdateListener', 'hash', 'verify', 'setValue', 'setGroupValue'] as const),
  // A sequence compares by a pattern, in which its sizes stand as they were written.
  ...(['validate', 'match', 'update'] as const),
];

/** @throws APP_VALUE_INVALID if a size among the options of a field is out of its range */
function assertSizes(field: SizedField): void {
  for (const { option, value, least, most } of SIZES[field.type]?.(field.options) ?? []) {
    // An absent one has NocoBase's default. NocoBase counts to a size until it is met: a text, or a fraction, never is.
    if (value === undefined || value === null) continue;
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) continue;
    const reason = phrase('its option "{option}" must be a number from {least} to {most}', { option, least, most });
    throw new AppError('APP_VALUE_INVALID', { field: field.name, reason });
  }
}

/** The databases of applications. */
const bounded = new WeakSet<Database>();
const guarded = new WeakSet<object>();

/**
 * Makes fields check their sizes before they make a value. Once for each class.
 * A field binds its listeners after it has called this method of its base class.
 */
export function guardSizes(prototype: SizedField): void {
  if (guarded.has(prototype)) return;
  guarded.add(prototype);
  const original = prototype.bind;
  prototype.bind = function () {
    original.call(this);
    if (!bounded.has(this.database) || !(this.type in SIZES)) return;
    const made = this as SizedField & Partial<Record<(typeof MAKERS)[number], (...given: unknown[]) => unknown>>;
    for (const maker of MAKERS) {
      const make = made[maker];
      // A field is bound more than once: its collection is extended, or loaded again.
      if (typeof make !== 'function' || guarded.has(make)) continue;
      made[maker] = (...given) => {
        assertSizes(this);
        return make.apply(this, given);
      };
      guarded.add(made[maker]);
    }
  };
}

/** Bounds the sizes that fields of a database make values of. A version of NocoBase with other classes is logged. */
export function boundFieldSizes(app: Application, db: Database): void {
  bounded.add(db);
  changeHost(app, 'sizes of fields are not bounded: this version of NocoBase has other fields', (load) => {
    const { Field } = load('@nocobase/database') as { Field?: { prototype: Partial<SizedField> } };
    if (typeof Field?.prototype.bind !== 'function') throw new TypeError('no fields that are bound');
    guardSizes(Field.prototype as SizedField);
  });
}

import type Database from '@nocobase/database';
import type { Application } from '@nocobase/server';
import type { ComputingTime } from './computing-time';
import { changeHost } from './host-parts';

/**
 * Administrators of applications write patterns: validation rules of fields, and fields of the type `uid`. NocoBase tests
 * each value with them in the thread of all applications, and some patterns take twice as long for each further character.
 * Here values are checked within a time, by the rules that exist already, too.
 */

const TIME = { maxMs: 250, freeMs: 5 };
const REASON = 'checking it by its rules takes too long';

interface Collection {
  name: string;
  fields: Map<string, { options: { validation?: { rules?: unknown } | null } }>;
  context: { database: Database };
  validate: (this: Collection, options: unknown) => unknown;
}

interface UidField {
  name: string;
  options: { pattern?: unknown };
  database: Database;
  listener?: (instances: unknown) => unknown;
  init: (this: UidField) => void;
}

/** The databases of applications. */
const bounded = new WeakMap<Database, ComputingTime>();

function hasRules({ fields }: Collection): boolean {
  for (const { options } of fields.values()) {
    const rules = options.validation?.rules;
    if (Array.isArray(rules) && rules.length > 0) return true;
  }
  return false;
}

const guarded = new WeakSet<object>();

/** Checks values by the rules of their fields within a time. Once for each class of collections. */
export function guardValidation(prototype: Collection): void {
  if (guarded.has(prototype)) return;
  guarded.add(prototype);
  const original = prototype.validate;
  prototype.validate = function (options) {
    const time = bounded.get(this.context.database);
    if (!time || !hasRules(this)) return original.call(this, options);
    return time.run(() => original.call(this, options), TIME, this.name, REASON);
  };
}

/** Tests the patterns of fields of the type `uid` within a time. Once for each class. */
export function guardUidFields(prototype: UidField): void {
  if (guarded.has(prototype)) return;
  guarded.add(prototype);
  const original = prototype.init;
  prototype.init = function () {
    original.call(this);
    const { listener } = this;
    const time = bounded.get(this.database);
    if (!time || !listener || !this.options.pattern) return;
    // It is an async function that awaits nothing.
    this.listener = async (instances) => await time.run(() => listener(instances), TIME, this.name, REASON);
  };
}

/** Bounds the patterns of a database. A version of NocoBase with other classes is logged. */
export function boundPatterns(app: Application, db: Database, time: ComputingTime): void {
  bounded.set(db, time);
  changeHost(app, 'patterns of fields are not bounded: this version of NocoBase tests them in another way', (load) => {
    const classes = load('@nocobase/database') as Record<'Collection' | 'UidField', { prototype: object } | undefined>;
    const [collections, uidFields] = [classes.Collection?.prototype, classes.UidField?.prototype];
    if (typeof (collections as Partial<Collection>)?.validate !== 'function') throw new TypeError('no validation');
    if (typeof (uidFields as Partial<UidField>)?.init !== 'function') throw new TypeError('no fields of the type uid');
    guardValidation(collections as Collection);
    guardUidFields(uidFields as UidField);
  });
}

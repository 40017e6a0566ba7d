import { isPlainObject } from '../plain-object';

/** The records that a member of a record holds. */
export interface RecordShape {
  /** The records of an association; undefined for a member that is a value, such as a JSON field. */
  association(member: string): RecordShape | undefined;
}

/** The actions of NocoBase that create or change one record for each element of their values. */
const WRITES = new Set(['create', 'update', 'firstOrCreate', 'updateOrCreate']);

export const writesRecords = (action: string): boolean => WRITES.has(action);

/**
 * Counts the records that NocoBase would create or change for these values, one by one: the elements of a list,
 * whatever they are, and the objects in associations. A key in an association names a record that exists.
 */
export function countRecords(values: unknown, shape: RecordShape): number {
  if (Array.isArray(values)) return sum(values, (value) => countRecords(value, shape));
  if (!isPlainObject(values)) return 1;
  return 1 + sum(Object.entries(values), ([member, value]) => countAssociated(value, shape.association(member)));
}

function countAssociated(value: unknown, shape: RecordShape | undefined): number {
  if (!shape) return 0;
  if (Array.isArray(value)) return sum(value, (element) => countAssociated(element, shape));
  return isPlainObject(value) ? countRecords(value, shape) : 0;
}

function sum<T>(elements: readonly T[], count: (element: T) => number): number {
  let total = 0;
  for (const element of elements) total += count(element);
  return total;
}

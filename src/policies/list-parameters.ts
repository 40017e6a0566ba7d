import { isPlainObject } from '../plain-object';
import type { Reason } from '../phrase';

/** A parameter of a request that NocoBase's actions cannot use. */
export interface WrongParameter {
  field: string;
  reason: Reason;
}

const PAGES = ['page', 'pageSize', 'limit'] as const;
const LISTS = ['sort', 'fields', 'appends', 'except', 'whitelist', 'blacklist'] as const;
/** The lists that `fields` may be made of. */
const FIELD_LISTS = ['only', 'except', 'appends'] as const;

/** Databases count rows in 64 bits; a page of a table never has so many. */
const MAX_PAGE = 2 ** 31;

const isPage = (value: unknown) => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && number >= 1 && number <= MAX_PAGE;
};

/** Not a name that every object has: NocoBase looks fields up in objects. */
const isName = (value: unknown) => {
  if (typeof value !== 'string') return false;
  const name = value.trim().replace(/^-/, '');
  return name !== '' && !name.split(/[.(]/).some((step) => step in Object.prototype);
};

const isNames = (value: unknown): boolean =>
  typeof value === 'string' ? value.split(',').every(isName) : Array.isArray(value) && value.every(isNames);

function isFields(value: unknown): boolean {
  if (!isPlainObject(value)) return isNames(value);
  return Object.entries(value).every(
    ([list, names]) => (FIELD_LISTS as readonly string[]).includes(list) && isNames(names),
  );
}

const isGiven = (value: unknown) => value !== undefined && value !== null && value !== '';

/**
 * The first parameter of an action of NocoBase's that has the wrong form; undefined if there is none. Ask it of a request
 * that has failed: it is stricter than NocoBase, which answers some of these.
 */
export function wrongParameter(params: Readonly<Record<string, unknown>>): WrongParameter | undefined {
  for (const field of PAGES) {
    if (isGiven(params[field]) && !isPage(params[field])) return { field, reason: 'it must be a whole number' };
  }
  for (const field of LISTS) {
    const isRight = field === 'fields' ? isFields : isNames;
    if (isGiven(params[field]) && !isRight(params[field])) return { field, reason: 'it must be a list of field names' };
  }
  const { filter, targetCollection } = params;
  if (isGiven(filter) && !isPlainObject(filter)) return { field: 'filter', reason: 'it must be a JSON object' };
  if (isGiven(targetCollection) && !isName(targetCollection)) {
    return { field: 'targetCollection', reason: 'it must be text' };
  }
  return undefined;
}

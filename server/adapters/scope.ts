import { AppError } from '../../src/errors';
import { ENTRY_PLACES, isOffered, MAIN_ENTRY } from '../../src/app-entry';
import type { AppRecord } from '../../src/app-record';

/** Knows which application's code runs: its ID, or undefined for the main application and for NocoBase itself. */
export interface Scope {
  readonly current: string | undefined;
}

/**
 * Refuses calls that the code of one application makes about another. The main application is not bound.
 * @throws APP_OTHER_APPLICATION
 */
export function assertInScope({ current }: Scope, name: string): void {
  if (!isInScope(current, name)) throw new AppError('APP_OTHER_APPLICATION', { from: current ?? '', name });
}

/** Whether code that runs for `current` may act on the application `name`. */
export function isInScope(current: string | undefined, name: string): boolean {
  return current === undefined || current === name;
}

/**
 * Whether code that runs for `current` may know that the application exists: the one that it runs for, and those that
 * an operator offers in it. `appSupervisor:entries` shows the same.
 */
export function isKnownIn(current: string | undefined, record: AppRecord): boolean {
  if (isInScope(current, record.name)) return true;
  return ENTRY_PLACES.some((place) => isOffered(record, place, current === MAIN_ENTRY));
}

/** The members of a record that another application may read. Nothing says where its data lies. */
const PUBLIC_FIELDS = ['name', 'title', 'displayName', 'cname', 'icon'];

interface Model {
  name: string;
  options?: Record<string, unknown>;
}

/** A model as another application's code may read it. */
export function publicModel<M extends Model>(model: M): M {
  const members = Object.entries(model).filter(([key]) => PUBLIC_FIELDS.includes(key));
  const { sso } = model.options ?? {};
  return { ...Object.fromEntries(members), options: sso === undefined ? {} : { sso } } as unknown as M;
}

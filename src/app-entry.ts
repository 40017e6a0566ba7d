import { isMade, type AppRecord } from './app-record';

/** Where applications are offered to everyone who is signed in: the Applications block of a page, and the switcher. */
export const ENTRY_PLACES = ['block', 'switcher'] as const;
export type EntryPlace = (typeof ENTRY_PLACES)[number];

/** An application as it is offered to those who only want to go there. */
export interface AppEntry {
  name: string;
  title: string;
  /** The name of an icon. */
  icon: string | null;
  /** The address of a picture of its own, on every host of NocoBase; it comes before the icon. */
  iconUrl: string | null;
  /** Under the main application's address. */
  path: string;
  /** Its custom domain. */
  domain: string | null;
  /** All hosts that are its own, the custom domain first. */
  hosts: string[];
  /** False while no visit leads there, because it was stopped or failed too often. */
  available: boolean;
  /** Whether it is the application that answers. */
  here: boolean;
}

/** The main application, among the entries that a sub-application shows. */
export const MAIN_ENTRY = 'main';

/**
 * Whether an application is offered in this place. The main application's block shows all that are not hidden there;
 * everywhere else an application appears only where an operator has pinned it, so that sub-applications learn nothing
 * of one another by themselves.
 */
export function isOffered(record: AppRecord, place: EntryPlace, inMain: boolean): boolean {
  if (!isMade(record)) return false;
  if (place === 'block' && record.hidden === true) return false;
  return record.pinned === true || (inMain && place === 'block');
}

/** In the operator's order; those without one come last, by title. */
export function compareEntries(a: { sort?: number; title: string }, b: { sort?: number; title: string }): number {
  const [first, second] = [a.sort ?? Infinity, b.sort ?? Infinity];
  return first === second ? a.title.localeCompare(b.title) : first - second;
}

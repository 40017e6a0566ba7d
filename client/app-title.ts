import type { ApplicationRow } from './api-types';

/** What people call an application. */
export function titleOf({ displayName, name }: Pick<ApplicationRow, 'displayName' | 'name'>): string {
  return displayName || name;
}

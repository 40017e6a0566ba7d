import { AppError } from '../src/errors';
import type { Operation } from '../src/events';

interface Busy {
  /** What is under way with this name. */
  underWay(name: string): Operation | undefined;
}

/**
 * Why there is no application of this name.
 * @returns APP_REMOVING, APP_BEING_MADE, APP_NOT_FOUND
 */
export function absence({ bin, claims }: { bin: Busy; claims: Busy }, name: string): AppError {
  const removal = bin.underWay(name);
  if (removal) return new AppError('APP_REMOVING', { name }, undefined, removal);
  const making = claims.underWay(name);
  if (making) return new AppError('APP_BEING_MADE', { name }, undefined, making);
  return new AppError('APP_NOT_FOUND', { name });
}

import { AppError } from '../../../src/errors';

/** Returns the error of a check, or undefined when it accepts. Anything but an AppError fails the test. */
export function refusal(check: () => unknown): AppError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error;
  }
}

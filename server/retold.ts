import { ERROR_TABLE, type ErrorCode, type ErrorParams } from '../src/errors';
import { readMessage } from '../src/phrase';
import { isPlainObject } from '../src/plain-object';

/** A sentence of ours in the language of a caller. */
export type Say = (sentence: string, params: ErrorParams) => string;

const isCode = (value: unknown): value is ErrorCode => typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value);

/**
 * An answer in which every failure that was told before, when nobody was known to read it, is told in the language of the
 * caller: wherever one of our codes stands beside its sentence, as `code`, or as the `reason` of an event.
 */
export function retold(answer: unknown, say: Say): unknown {
  if (Array.isArray(answer)) return answer.map((item) => retold(item, say));
  // Streams, buffers and the like are not ours to look into.
  if (!isPlainObject(answer) || Object.getPrototypeOf(answer) !== Object.prototype) return answer;
  const { code, reason, message } = answer;
  const told = isCode(code) ? code : isCode(reason) ? reason : undefined;
  const params = told && typeof message === 'string' ? readMessage(ERROR_TABLE[told].message, message) : undefined;
  const whole = Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, retold(value, say)]));
  return told && params ? { ...whole, message: say(ERROR_TABLE[told].message, params) } : whole;
}

import type { Duplex } from 'node:stream';
import type { AppError } from '../../src/errors';
import type { AppLimits } from '../limits/app-limits';
import { ErrorResponse } from '../limits/error-response';
import { retryAfter } from './refusal';

/**
 * Answers a WebSocket upgrade that is refused, with the same JSON as any other refusal. An upgrade has no response
 * object: its head is written to the socket.
 * @param extra further headers, names and values by turns
 */
export function refuseUpgrade(socket: Duplex, error: AppError, extra?: readonly string[]): true {
  const { head, body } = new ErrorResponse(error).asText(retryAfter(error), ['Connection', 'close', ...(extra ?? [])]);
  if (!socket.destroyed) socket.end(head + body, () => socket.destroy());
  return true;
}

/**
 * Refuses an upgrade because of a limit of its application. As for requests, the first refusals are sent at once and
 * further ones a second later; beyond their number the connection is closed.
 */
export function refuseUpgradeSlowly(
  socket: Duplex,
  error: AppError,
  { limits, app, extra }: { limits: AppLimits; app: string; extra?: readonly string[] },
): true {
  const send = () => refuseUpgrade(socket, error, extra);
  if (limits.of(app).refusesAtOnce()) return send();
  if (!limits.delayed.add(app, send)) socket.destroy();
  return true;
}

import type { Duplex } from 'node:stream';
import { AppError, type ErrorCode } from '../../src/errors';
import type { AppLimits } from '../limits/app-limits';
import { ErrorResponses } from '../limits/error-response';
import { retryAfter } from './refusal';

const responses = new ErrorResponses();

/** @property extra further headers, names and values by turns */
export interface UpgradeRefusal {
  code: ErrorCode;
  params?: Readonly<Record<string, string | number>>;
  extra?: readonly string[];
}

/**
 * Answers a WebSocket upgrade that is refused, with the same JSON as any other refusal. An upgrade has no response
 * object: its head is written to the socket.
 */
export function refuseUpgrade(socket: Duplex, { code, params, extra = [] }: UpgradeRefusal): true {
  const key = params === undefined ? code : `${code} ${Object.values(params).join(' ')}`;
  const response = responses.get(key, () => new AppError(code, params));
  const { head, body } = response.asText(retryAfter(response), ['Connection', 'close', ...extra]);
  if (!socket.destroyed) socket.end(head + body, () => socket.destroy());
  return true;
}

/**
 * Refuses an upgrade because of a limit of its application. As for requests, the first refusals are sent at once and
 * further ones a second later; beyond their number the connection is closed.
 */
export function refuseUpgradeSlowly(
  socket: Duplex,
  refusal: UpgradeRefusal,
  { limits, app }: { limits: AppLimits; app: string },
): true {
  const send = () => refuseUpgrade(socket, refusal);
  if (limits.of(app).refusesAtOnce()) return send();
  if (!limits.delayed.add(app, send)) socket.destroy();
  return true;
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppLimiter } from '../limits/app-limiter';
import { whenOver } from './departure';

/**
 * Lets a request for a page, a script or a style wait for its turn among those of its application.
 * @returns false if it goes on, true if its visitor has left while it waited
 */
export function takeFileTurn(
  { files, inForce }: AppLimiter,
  req: IncomingMessage,
  res: ServerResponse,
): boolean | Promise<boolean> {
  if (inForce.requestSlots === 0) return false;
  const begin = (leave: () => void) => {
    whenOver(req, res, leave);
    return false;
  };
  const taken = files.take((left) => whenOver(req, res, left));
  return typeof taken === 'function' ? begin(taken) : taken.then((leave) => (leave ? begin(leave) : true));
}

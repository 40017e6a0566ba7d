import type { IncomingMessage } from 'node:http';

/** How long a client may go on sending after it was refused. */
const LINGER_MS = 5_000;

/**
 * Prepares a connection for an error response that is sent while the body of its request still arrives. Node would
 * close the connection at once; the client's system then discards the response together with the reset. Here the
 * sending side is closed after the response, and the rest of the body is read and dropped, for a short time.
 * @returns call it when the body has arrived as a whole; the connection closes, and a handler that reads the body ends
 */
export function lingerAfterResponse(req: IncomingMessage, lingerMs = LINGER_MS): () => void {
  const { socket } = req;
  let timer: NodeJS.Timeout | undefined;
  let arrived = false;
  const close = () => {
    clearTimeout(timer);
    // Emits "aborted": the only end that parsers and multipart readers know besides the end of the body.
    req.destroy();
    socket.destroy();
  };
  // Node calls it once the response is sent.
  socket.destroySoon = () => {
    socket.end();
    if (arrived) socket.once('finish', close);
    timer = setTimeout(close, lingerMs);
    timer.unref();
    socket.once('close', close);
  };
  return () => {
    arrived = true;
    if (timer) close();
  };
}

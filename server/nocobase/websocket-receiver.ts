/** The part of the package `ws` that reads frames from a connection. */

type Written = (error?: Error | null) => void;

interface Receiver {
  _write(chunk: unknown, encoding: string, done: Written): void;
}

/**
 * Lets a receiver read nothing after an invalid frame. If messages are read one in each turn of the event loop, chunks wait
 * behind a message. Node.js hands over the next waiting chunk although the receiver has reported an error for the one before,
 * and the receiver of `ws` 8.23 throws then, outside of every handler: three small packets would end the process.
 * @param ws a connection of the package `ws`
 * @returns false if this version of `ws` reads frames in another way
 */
export function endAtInvalidFrame(ws: object): boolean {
  const { _receiver: receiver } = ws as { _receiver?: Partial<Receiver> };
  const write = receiver?._write;
  if (!receiver || typeof write !== 'function') return false;
  let failed = false;
  receiver._write = (chunk, encoding, done) => {
    if (failed) return done();
    write.call(receiver as Receiver, chunk, encoding, (error) => {
      failed ||= Boolean(error);
      done(error);
    });
  };
  return true;
}

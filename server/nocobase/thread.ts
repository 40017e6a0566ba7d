import { Worker } from 'node:worker_threads';

export interface ThreadBounds {
  /** After this time the thread is ended. */
  ms: number;
  /** The most memory of the thread in megabytes. */
  heapMb: number;
  /** Ends the thread. */
  signal?: AbortSignal;
}

/**
 * Runs a program in a thread of its own, and resolves with the first message that it sends.
 * @param program the text of the program; `workerData` is its input
 * @throws the reason of the signal; an error if the thread ends without a message
 */
export function runInThread<T>(program: string, workerData: object, { ms, heapMb, signal }: ThreadBounds): Promise<T> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, {
      eval: true,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 32 },
      workerData,
    });
    const end = () => void worker.terminate();
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      // Without effect after a message.
      reject((signal?.reason as Error | undefined) ?? new Error('the thread was ended'));
    });
  });
}

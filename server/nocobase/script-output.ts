/**
 * A JavaScript node of a workflow runs in a thread of its own, but all that it logs and its result come to the thread of all
 * applications: what it logs in one loop comes at once, when the loop has ended. Here it is measured in its own thread,
 * before it is sent.
 */

/** What a script may log, with an amount for each call. */
const LOG_BYTES = 2 ** 20;
const BYTES_PER_CALL = 256;
/** What its result may hold: values (elements, members, objects), bytes of texts, and levels. */
const RESULT_VALUES = 60_000;
const RESULT_BYTES = 4 * 2 ** 20;
const RESULT_DEPTH = 500;
/** Characters of an error. */
const ERROR_LENGTH = 10_000;

/** With this code the thread of a script ends that logs too much. */
const LOG_EXCEEDED = 86;

/** The program of the thread, before NocoBase's own one. It is a module, and has no place on the disk. */
const programOf = (script: string) => `
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
let left = ${LOG_BYTES};
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write;
  stream.write = function (chunk, ...rest) {
    // An empty one is how NocoBase waits for the end of the output.
    if (chunk.length > 0) left -= Buffer.byteLength(chunk) + ${BYTES_PER_CALL};
    // An error could be caught by the script.
    if (left < 0) process.exit(${LOG_EXCEEDED});
    return write.call(this, chunk, ...rest);
  };
}
const tooLarge = () => {
  throw new Error('the result of the script has more than ${RESULT_VALUES} values, ${RESULT_BYTES / 2 ** 20} MB of text or ${RESULT_DEPTH} levels');
};
const membersOf = (value) => {
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  return value instanceof Set || Array.isArray(value) ? [...value] : Object.values(value);
};
const sizeOf = (value) => {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'bigint') return value.toString(16).length;
  return value?.byteLength ?? 0;
};
const namesOf = (value) => (Array.isArray(value) ? 0 : Object.keys(value).join('').length);
const measure = (result) => {
  let values = 0;
  let bytes = 0;
  let level = [result];
  // Level by level, so that no depth exhausts the stack.
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > ${RESULT_DEPTH}) tooLarge();
    const next = [];
    for (const value of level) {
      values += 1;
      bytes += sizeOf(value);
      if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
        if (Array.isArray(value) && value.length > ${RESULT_VALUES}) tooLarge();
        bytes += namesOf(value);
        for (const member of membersOf(value)) next.push(member);
      }
      if (values + next.length > ${RESULT_VALUES} || bytes > ${RESULT_BYTES}) tooLarge();
    }
    level = next;
  }
};
const post = parentPort.postMessage;
parentPort.postMessage = function (message, ...rest) {
  measure(message?.result);
  return post.call(this, message, ...rest);
};
process.on('unhandledRejection', (reason) => {
  const { message } = reason ?? {};
  const text = typeof message === 'string' ? message : String(reason);
  throw reason instanceof Error && text.length <= ${ERROR_LENGTH} ? reason : new Error(text.slice(0, ${ERROR_LENGTH}));
});
createRequire(${JSON.stringify(script)})(${JSON.stringify(script)});
`;

/**
 * Returns the program of a thread that runs a script within its bounds, as `Worker` takes it.
 * @param script the path of NocoBase's program
 */
export function boundedProgram(script: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(programOf(script))}`);
}

/** Returns an outcome of NocoBase with the reason why we ended the thread, if we did. */
export function explainOutcome<T>(outcome: T): T {
  const { result } = (outcome ?? {}) as { result?: unknown };
  if (result !== `Worker stopped with exit code ${LOG_EXCEEDED}`) return outcome;
  return { ...outcome, result: `the script has logged more than ${LOG_BYTES / 2 ** 20} MB` };
}

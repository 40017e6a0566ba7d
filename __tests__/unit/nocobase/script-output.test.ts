import { createRequire } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { boundedProgram, explainOutcome } from '../../../server/nocobase/script-output';
import { confineRunner } from '../../../server/nocobase/workflow-scripts';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const programs = ['QuickJs', 'Vm'].map((name) =>
  host.resolve(`@nocobase/plugin-workflow-javascript/dist/server/${name}.js`),
);
const [quickJs = '', vm = ''] = programs;
const MB = 2 ** 20;

interface Outcome {
  end: unknown;
  output: string;
  pieces: number;
}

/** Runs a script as NocoBase does; `end` is its result, the message of its error, or the code of its thread. */
async function run(source: string, program: string | URL = boundedProgram(quickJs)): Promise<Outcome> {
  const worker = new Worker(program, {
    workerData: { source, args: {}, options: { timeout: 20_000 } },
    stdout: true,
    stderr: true,
  });
  const outcome: Outcome = { end: undefined, output: '', pieces: 0 };
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.on('data', (data: Buffer) => {
      outcome.output += data.toString();
      outcome.pieces += 1;
    });
  }
  outcome.end = await new Promise((resolve) => {
    worker.once('message', ({ result }: { result: unknown }) => resolve({ result }));
    worker.once('error', (error) => resolve(error.message));
    worker.once('exit', resolve);
  });
  await worker.terminate();
  await new Promise(setImmediate);
  return outcome;
}

describe.each([
  ['QuickJS', quickJs],
  ['the module "vm"', vm],
])('what a script in %s logs', (_, program) => {
  it.each([
    ['long lines', 'const s = "x".repeat(10000); while (true) console.log(s)'],
    ['short lines', 'while (true) console.log(1)'],
    ['empty lines', 'while (true) console.log()'],
    ['errors', 'while (true) console.error("x")'],
    ['both', 'while (true) { console.log("x"); console.warn("y") }'],
    ['one long text', 'console.log("x".repeat(5e6)); while (true);'],
    ['objects', 'while (true) console.log({ a: { b: [1, 2, 3] } })'],
    ['getters', 'while (true) console.info({ get a() { return "x".repeat(1000) } })'],
    ['large arrays', 'while (true) console.dir(Array(1000).fill("x"))'],
    ['traces', 'while (true) console.trace("x")'],
    ['what it catches', 'while (true) try { console.debug("x".repeat(5000)) } catch {}'],
    ['characters of several bytes', 'while (true) console.log("語".repeat(1000))'],
  ])('ends it beyond 1 MB: %s', async (__, source) => {
    const { end, output, pieces } = await run(source, boundedProgram(program));
    expect(end).toBe(86);
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(MB);
    expect(pieces).toBeLessThanOrEqual(4_096);
  });

  it.each([
    ['objects that are many', 'return Array(300000).fill({ a: 1 })'],
    ['numbers that are many', 'return Array(100000).fill(1)'],
    ['a long text', 'return "x".repeat(5e6)'],
    ['a text of many bytes', 'return "語".repeat(2e6)'],
    ['long texts', 'return Array(1000).fill("x".repeat(10000))'],
    ['many members', 'return Object.fromEntries(Array(100000).fill().map((_, n) => ["k" + n, n]))'],
    ['long names', 'return Object.fromEntries(Array(100).fill().map((_, n) => ["x".repeat(1e5) + n, n]))'],
    ['a deep list', 'let v = []; for (let n = 0; n < 2000; n++) v = [v]; return v'],
    ['a deep object', 'let v = {}; for (let n = 0; n < 700; n++) v = { v }; return v'],
    ['what doubles', 'let v = []; for (let n = 0; n < 17; n++) v = [v, v]; return v'],
    ['getters', 'return Array(40000).fill({ get a() { return [1] } })'],
  ])('its result is refused: %s', async (__, source) => {
    expect((await run(source, boundedProgram(program))).end).toContain('the result of the script has more than');
  });

  it.each([
    ['return 1', { result: 1 }],
    ['return { a: [1, "x", null, true] }', { result: { a: [1, 'x', null, true] } }],
    ['', { result: undefined }],
    ['return Array(10000).fill(1).length', { result: 10_000 }],
    ['return "x".repeat(1e6).length', { result: 1_000_000 }],
    ['return await Promise.resolve(3)', { result: 3 }],
  ])('else it is as ever: %s', async (source, end) => {
    expect((await run(source, boundedProgram(program))).end).toEqual(end);
    expect((await run(source, program)).end).toEqual(end);
  });

  it('arrives in full below the limit', async () => {
    const source = 'for (let n = 0; n < 1000; n++) console.log("line " + n); console.error("e"); return 1';
    const [bounded, known] = [await run(source, boundedProgram(program)), await run(source, program)];
    expect(bounded).toEqual(known);
    expect(bounded.output).toContain('line 999\n');
  });

  it('an error is as ever, and a long one is cut', async () => {
    const short = await run('throw new TypeError("wrong")', boundedProgram(program));
    expect(short.end).toEqual((await run('throw new TypeError("wrong")', program)).end);
    const long = await run('throw new Error("x".repeat(1e7))', boundedProgram(program));
    expect(String(long.end).length).toBeLessThanOrEqual(10_000);
  });
});

describe('the runner of scripts', () => {
  it('gets the bounded program for applications only', async () => {
    const scope: { app?: string } = {};
    const seen: (string | URL)[] = [];
    class Runner {
      static get workerScript(): string {
        return quickJs;
      }
      static run(this: void): Promise<unknown> {
        seen.push(Runner.workerScript);
        return Promise.resolve({ status: -1, result: 'Worker stopped with exit code 86' });
      }
    }
    confineRunner(Runner, () => scope.app);
    const { run: confined } = Runner as unknown as {
      run(source: string, args: object, options: object): Promise<object>;
    };
    await confined('', {}, {});
    scope.app = 'crm';
    expect(await confined('', {}, {})).toEqual({ status: -1, result: 'the script has logged more than 1 MB' });
    expect(seen).toEqual([quickJs, boundedProgram(quickJs)]);
    expect(explainOutcome({ result: 1 })).toEqual({ result: 1 });
  });
});

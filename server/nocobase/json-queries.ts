import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { changeHost } from './host-parts';
import { runInThread } from './thread';
import { confineRunner, type ScriptRunner } from './workflow-scripts';

/**
 * The workflow node "JSON query" evaluates expressions that administrators of applications write. JSONata reaches the
 * properties that all objects inherit, with them the functions that the library shares, and the constructor of
 * functions; JSONPath keeps each expression for ever. Here each expression runs in a thread of its own, in a realm
 * without modules and without code from texts. Only JSON goes in and comes out.
 */

/** The longest time of a query in milliseconds. */
const MAX_MS = 10_000;
/** The most memory of a query in megabytes. */
const MAX_MB = 256;

/** The engines of the node, and the packages that they are in. */
const packages = { jmespath: 'jmespath', jsonpathplus: 'jsonpath-plus', jsonata: 'jsonata' };

type EngineName = keyof typeof packages;

const isEngine = (name: unknown): name is EngineName => typeof name === 'string' && Object.hasOwn(packages, name);

interface Query {
  engine: EngineName;
  /** The path of the library. */
  file: string;
  expression: string;
  /** The data as JSON; undefined for none. */
  source: string | undefined;
}

interface Outcome {
  /** JSON. */
  result?: string;
  /** JSON of an object with a message. */
  error?: string;
}

/**
 * Runs inside of the realm, as a text: nothing of this process is in its reach. `load` is the library as a function.
 * The constants stand for what the libraries expect of Node.js and of browsers.
 */
const INSIDE = String.raw`
(() => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const btoa = (text) => {
    let out = '';
    for (let i = 0; i < text.length; i += 3) {
      const bytes = [0, 1, 2].map((k) => text.charCodeAt(i + k) & 255);
      const bits = (bytes[0] << 16) | (bytes[1] << 8) | bytes[2];
      const some = [18, 12, 6, 0].map((shift) => digits[(bits >> shift) & 63]).join('');
      const missing = Math.max(0, i + 3 - text.length);
      out += some.slice(0, 4 - missing) + '=='.slice(0, missing);
    }
    return out;
  };
  const atob = (text) => {
    let out = '';
    let bits = 0;
    let held = 0;
    for (const digit of text) {
      const value = digits.indexOf(digit === '-' ? '+' : digit === '_' ? '/' : digit);
      if (value < 0) continue;
      bits = ((bits << 6) | value) & 0xffffff;
      held += 6;
      if (held >= 8) {
        held -= 8;
        out += String.fromCharCode((bits >> held) & 255);
      }
    }
    return out;
  };
  const module = { exports: {} };
  load(module, module.exports, () => ({}), '', { btoa, atob });
  const library = module.exports;
  const data = source === undefined ? undefined : JSON.parse(source);
  const engines = {
    jmespath: () => library.search(data, expression),
    jsonpathplus: () => library.JSONPath({ path: expression, json: data, wrap: false }),
    jsonata: () => library(expression).evaluate(data),
  };
  const done = (value) => void (result = JSON.stringify(value) ?? 'undefined');
  const failed = (reason) => {
    const { message = String(reason), code, position, token, value, index } = reason ?? {};
    error = JSON.stringify({ message, code, position, token, value, index });
  };
  try {
    const value = engines[engine]();
    if (value && typeof value.then === 'function') value.then(done, failed).then(undefined, failed);
    else done(value);
  } catch (reason) {
    failed(reason);
  }
})()`;

/** The program of the thread. It holds no reference to the realm except two texts. */
const THREAD = String.raw`
const { parentPort, workerData } = require('node:worker_threads');
const fs = require('node:fs');
const vm = require('node:vm');
const { engine, file, expression, source, inside, timeout } = workerData;
const globals = Object.assign(Object.create(null), { engine, expression, source, result: undefined, error: undefined });
const context = vm.createContext(globals, {
  codeGeneration: { strings: false, wasm: false },
  microtaskMode: 'afterEvaluate',
});
const text = fs.readFileSync(file, 'utf8');
vm.runInContext('var load = function (module, exports, require, __dirname, window) {' + text + '\n}', context);
let outcome;
try {
  vm.runInContext(inside, context, { timeout });
  const { result, error } = globals;
  outcome = {
    result: typeof result === 'string' ? result : undefined,
    error: typeof error === 'string' ? error : undefined,
  };
} catch (error) {
  outcome = { error: JSON.stringify({ message: error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ?
    'the query took longer than ' + timeout + ' ms' : 'the query failed' }) };
}
parentPort.postMessage(outcome);`;

function evaluateInThread(query: Query, timeout: number, signal?: AbortSignal): Promise<Outcome> {
  // The thread ends the query by itself; the time added is for what it loads, and for what it cannot interrupt.
  const bounds = { ms: timeout + 5_000, heapMb: MAX_MB, signal };
  return runInThread(THREAD, { ...query, inside: INSIDE, timeout }, bounds);
}

const asJson = (value: unknown): string | undefined => JSON.stringify(value);

/** Evaluates one query in a thread. Exported for tests. */
export async function evaluateQuery(query: Query, timeout = MAX_MS, signal?: AbortSignal): Promise<unknown> {
  const { result, error } = await evaluateInThread(query, timeout, signal);
  if (error !== undefined) {
    const { message, ...rest } = JSON.parse(error) as { message?: unknown };
    throw Object.assign(new Error(String(message)), rest);
  }
  if (result === undefined) throw new Error('the query has no result');
  return result === 'undefined' ? undefined : JSON.parse(result);
}

type Evaluate = (expression: unknown, source: unknown) => unknown;

interface Instruction {
  engines?: { get(name: unknown): Evaluate | undefined };
}

interface WorkflowPlugin {
  instructions?: { get(type: string): Instruction | undefined };
}

/**
 * Lets the engines of the node "JSON query" of this application run in threads, as many at a time as its scripts may.
 * Call it after each load.
 */
export function confineJsonQueries(app: Application): void {
  if (!app.pm.get('workflow-json-query')) return;
  changeHost(app, 'JSON queries are not confined: this version of NocoBase evaluates them in another way', (load) => {
    const workflow = app.pm.get('workflow') as unknown as WorkflowPlugin | undefined;
    const engines = workflow?.instructions?.get('json-query')?.engines;
    if (typeof engines?.get !== 'function') throw new TypeError('the node has no engines');
    const libraries = createRequire(
      load.resolve('@nocobase/plugin-workflow-json-query/dist/server/JSONQueryInstruction.js'),
    );
    confineEngines(engines, (name) => libraries.resolve(name), app.name);
  });
}

/**
 * Replaces the known engines of a node; others stay.
 * @param fileOf returns the path of a library
 */
export function confineEngines(
  engines: NonNullable<Instruction['engines']>,
  fileOf: (name: string) => string,
  name: string,
): void {
  const queries: ScriptRunner = {
    run: (expression, given, { signal }) => {
      const { engine, source } = given as Pick<Query, 'engine' | 'source'>;
      return evaluateQuery({ engine, file: fileOf(packages[engine]), expression, source }, MAX_MS, signal);
    },
  };
  confineRunner(queries, () => name);
  const original = engines.get.bind(engines);
  engines.get = (engine) => {
    if (!isEngine(engine)) return original(engine);
    return async (expression, source) => {
      if (typeof expression !== 'string') throw new TypeError('the expression of a query must be a text');
      return queries.run(expression, { engine, source: asJson(source) }, {});
    };
  };
}

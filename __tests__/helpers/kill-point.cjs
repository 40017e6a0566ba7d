'use strict';

// Loaded into the NocoBase process (`NODE_OPTIONS=--require ...`) of tests that kill it at a chosen statement: the file
// that KILL_POINT names says which one, and whether before or after it. It holds for one death.
const { existsSync, readFileSync, unlinkSync } = require('node:fs');
const Module = require('node:module');

const file = process.env.KILL_POINT;
const patched = new WeakSet();

/** @returns {{ when: 'before' | 'after', sql: string, values?: string } | undefined} */
function killPoint() {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function die() {
  unlinkSync(file);
  process.kill(process.pid, 'SIGKILL');
}

/** The values that are bound to the statement, as text. */
function valuesOf([config, given]) {
  const values = typeof config === 'string' ? given : config?.values;
  return Array.isArray(values) ? JSON.stringify(values) : '';
}

function matches({ sql, values = '' }, text, args) {
  return new RegExp(sql).test(text) && valuesOf(args).includes(values);
}

function patch(client) {
  if (patched.has(client)) return;
  patched.add(client);
  const { query } = client;
  client.query = function (...args) {
    const [config] = args;
    const text = typeof config === 'string' ? config : String(config?.text ?? '');
    const point = killPoint();
    if (!point || !matches(point, text, args)) return query.apply(this, args);
    if (point.when === 'before') die();
    const last = args.length - 1;
    if (typeof args[last] === 'function') args[last] = die;
    const answer = query.apply(this, args);
    answer?.then?.(die, die);
    return answer;
  };
}

const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  if (request === 'pg') patch(loaded.Client.prototype);
  return loaded;
};

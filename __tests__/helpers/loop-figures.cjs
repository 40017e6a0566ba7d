'use strict';

// Loaded into the NocoBase process (`NODE_OPTIONS=--require …`) of tests that measure it. At SIGUSR2 it writes what it
// has seen since the last time as JSON to the file that LOOP_PROBE_FILE names.
const { readdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { isMainThread } = require('node:worker_threads');

const file = process.env.LOOP_PROBE_FILE;
const EVERY_MS = 10;
const NS_PER_MS = 1e6;

/** Milliseconds for which this thread was ready to run while others had the processor; 0 if the system does not say. */
function waitedForProcessor() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / NS_PER_MS;
  } catch {
    return 0;
  }
}

/** Open file descriptors; 0 if the system does not say. */
function descriptors() {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

function activeResources() {
  const counted = {};
  for (const kind of process.getActiveResourcesInfo()) counted[kind] = (counted[kind] ?? 0) + 1;
  return counted;
}

if (file && isMainThread) {
  // Taken before NocoBase locks the language's own objects.
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');

  const delays = monitorEventLoopDelay({ resolution: EVERY_MS });
  let blockedMs = 0;
  let last;
  const begin = () => {
    delays.reset();
    blockedMs = 0;
    last = { at: performance.now(), waited: waitedForProcessor() };
  };
  // Unlike the histogram it leaves out the time that other processes of a busy machine took.
  const look = () => {
    const now = { at: performance.now(), waited: waitedForProcessor() };
    blockedMs = Math.max(blockedMs, now.at - last.at - (now.waited - last.waited) - EVERY_MS);
    last = now;
  };
  setInterval(look, EVERY_MS).unref();
  delays.enable();
  begin();

  process.on('SIGUSR2', () => {
    look();
    const seen = { blockedMs: Math.round(blockedMs), delayMs: Math.round(delays.max / NS_PER_MS) };
    // Finalizers need more than one round, with a turn of the event loop in between.
    let rounds = 4;
    const tidy = () => {
      collectGarbage();
      rounds -= 1;
      if (rounds > 0) return setTimeout(tidy, 50);
      const { heapUsed } = process.memoryUsage();
      const figures = { ...seen, heapUsed, descriptors: descriptors(), resources: activeResources() };
      writeFileSync(`${file}.new`, JSON.stringify(figures));
      renameSync(`${file}.new`, file);
      begin();
    };
    tidy();
  });
}

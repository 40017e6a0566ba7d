'use strict';

// Loaded into the NocoBase process (`NODE_OPTIONS=--require ...`) of tests that count its timers. At SIGUSR2 it writes
// the places of the code that have set them, with the number of each, to the file TIMER_COUNT_FILE.

const { renameSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const FILE = process.env.TIMER_COUNT_FILE;
const live = new Map();

/** The first frames of a stack, without positions and without the folders above the packages. */
function placeOf(stack) {
  const frames = stack.split('\n').slice(2, 5);
  return frames.map((frame) => /([^/\\]+[/\\][^/\\]+?):\d+:\d+/.exec(frame)?.[1] ?? '').join(' < ');
}

for (const kind of ['setTimeout', 'setInterval']) {
  const set = globalThis[kind];
  const counted = function (callback, ms, ...args) {
    const own = {};
    const once = (...given) => {
      live.delete(own.timer);
      return callback(...given);
    };
    own.timer = set(kind === 'setTimeout' && typeof callback === 'function' ? once : callback, ms, ...args);
    live.set(own.timer, `${kind} ${placeOf(new Error('set here').stack)}`);
    return own.timer;
  };
  globalThis[kind] = Object.assign(counted, set);
}

if (FILE) {
  process.on('SIGUSR2', () => {
    const counts = {};
    for (const [timer, place] of live) {
      // Node marks a timer that was cleared or has fired.
      if (timer._destroyed) live.delete(timer);
      else counts[place] = (counts[place] ?? 0) + 1;
    }
    writeFileSync(`${FILE}.new`, JSON.stringify(counts));
    renameSync(`${FILE}.new`, path.resolve(FILE));
  });
}

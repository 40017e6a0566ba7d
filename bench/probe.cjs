'use strict';

/**
 * Loaded into the NocoBase process that is measured (`NODE_OPTIONS=--require …`), of every contender alike. It answers
 * one JSON line with one JSON line on the Unix socket that `BENCH_PROBE` names. It does nothing unasked.
 */
const { readdirSync, readlinkSync, rmSync } = require('node:fs');
const { createServer } = require('node:net');
const { basename } = require('node:path');
const { createInterface } = require('node:readline');
const { setTimeout: wait } = require('node:timers/promises');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { isMainThread } = require('node:worker_threads');

// Taken before NocoBase locks the language's own objects.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');
setFlagsFromString('--no-expose-gc');

// Flags of V8's own that NODE_OPTIONS does not take; before there is any code that they would come too late for.
for (const flag of (process.env.BENCH_V8_FLAGS ?? '').split(' ').filter(Boolean)) setFlagsFromString(flag);

const supervisor = () => require('@nocobase/server').AppSupervisor.getInstance();

/** Finalizers and weak references need more than one round, with a turn of the event loop in between. */
async function tidy() {
  for (let round = 0; round < 4; round += 1) {
    collectGarbage();
    await wait(50);
  }
}

const listenersOf = (emitter) => emitter.eventNames().reduce((sum, event) => sum + emitter.listenerCount(event), 0);

/** What stands behind each file descriptor, sockets and pipes by their kind; empty where the system does not tell. */
function openFiles() {
  try {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, '');
      } catch {
        return []; // closed meanwhile
      }
    });
  } catch {
    return [];
  }
}

let sampling;

const QUESTIONS = {
  cpu: () => ({ ...process.cpuUsage(), at: performance.now() }),

  /** How long the thread has been busy since the process started, in milliseconds. */
  busy: () => ({ ms: performance.eventLoopUtilization().active }),

  /** Takes instances out of memory by the supervisor's own call, which both contenders implement. */
  async sleep({ names }) {
    for (const name of names) await supervisor().removeApp(name);
    return { left: names.filter((name) => supervisor().hasApp(name)) };
  },

  running: () => ({
    names: supervisor()
      .getApps()
      .map(({ name }) => name),
  }),

  /** Adds an action `bench:compute` to a running application, open to all: it keeps the thread busy for `ms`. */
  async compute({ name, ms }) {
    const app = supervisor()
      .getApps()
      .find((one) => one.name === name);
    const compute = (ctx, next) => {
      for (const end = performance.now() + ms; performance.now() < end;);
      ctx.body = {};
      return next();
    };
    app.resourceManager.define({ name: 'bench', actions: { compute } });
    app.acl.allow('bench', 'compute', 'public');
    return {};
  },

  async heap() {
    await tidy();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heapUsed, external, rss };
  },

  async census() {
    await tidy();
    const resources = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    return {
      handles: process._getActiveHandles().length,
      timers: resources.Timeout ?? 0,
      files: openFiles(),
      listeners: listenersOf(process) + listenersOf(supervisor()) + listenersOf(supervisor().apps.main),
    };
  },

  /** From here until `retained`, allocations that are still alive are attributed to who made them. */
  async sample() {
    const { Session } = require('node:inspector/promises');
    await tidy();
    sampling = new Session();
    sampling.connect();
    await sampling.post('HeapProfiler.startSampling', { samplingInterval: 16_384 });
    return {};
  },

  async retained() {
    await tidy();
    const { profile } = await sampling.post('HeapProfiler.stopSampling');
    sampling.disconnect();
    const bytes = {};
    const walk = (node) => {
      const who = ownerOf(node.callFrame);
      if (node.selfSize) bytes[who] = (bytes[who] ?? 0) + node.selfSize;
      node.children.forEach(walk);
    };
    walk(profile.head);
    return { bytes };
  },
};

function ownerOf({ url, functionName }) {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return `${name ?? (url.startsWith('node:') ? 'node' : url ? basename(url) : 'engine')} ${functionName || '(anonymous)'}`;
}

function listen(path) {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).on('line', (line) => void reply(socket, JSON.parse(line)));
  });
  server.listen(path).unref();
}

async function reply(socket, { question, ...details }) {
  try {
    const answer = await QUESTIONS[question](details);
    socket.write(`${JSON.stringify({ answer })}\n`);
  } catch (error) {
    socket.write(`${JSON.stringify({ error: String(error?.stack ?? error) })}\n`);
  }
}

const isServer = isMainThread && basename(process.argv[1] ?? '') === 'nocobase-entry.cjs';
if (process.env.BENCH_PROBE && isServer) listen(process.env.BENCH_PROBE);

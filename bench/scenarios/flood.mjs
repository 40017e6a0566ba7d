// @ts-check
/**
 * One application is flooded: how much longer its neighbours' and main's requests take, in the same round with and
 * without the flood. Then applications that boot, and the cost of a refusal.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { claim, figure } from '../findings.mjs';
import { startFlood } from '../flood.mjs';
import { appNames, inTurn } from '../laboratory.mjs';
import { percentile, ratios } from '../statistics.mjs';
import { OPEN_ACTION, QUERY_ACTION, watch } from '../visitor.mjs';
import { stormOn } from './storm.mjs';

const CONNECTIONS = 64;
const WATCH_EVERY_MS = 20;
const WATCH_SECONDS = 8;
const REST_MS = 1_500;
const BOOTS = 8;
/** The refusals of so many stopped applications are counted, for as long. */
const REFUSERS = 4;
const REFUSAL_CONNECTIONS = 200;
const REFUSAL_SECONDS = 6;
/** We send most refusals after a second. The clients of a checkout that sends them at once wait as long themselves. */
const REFUSAL_DELAY_MS = 1_000;
/** Beyond what a WebSocket message may have. */
const LARGE_MESSAGE = 2 * 2 ** 20;

const [LOUD, NEIGHBOUR] = appNames(2);

/**
 * @typedef {import('../contender.mjs').Contender} Contender
 *
 * @typedef {object} Flood
 * @property {string} label
 * @property {(ours: Contender) => Promise<unknown>} [before]
 * @property {(ours: Contender) => Promise<unknown>} [after]
 * @property {string} [path]
 * @property {number} [messageBytes] of a WebSocket message
 */

/** @param {object} limits */
const limited = (limits) => async (/** @type {Contender} */ ours) => {
  await (await ours.administrator).post(`applications:update?filterByTk=${LOUD}`, { limits });
};

/** @param {'stop' | 'start'} action */
const told = (action) => async (/** @type {Contender} */ ours) => {
  await (await ours.administrator).post(`applications:${action}?filterByTk=${LOUD}`);
};

/** @type {Flood[]} */
const FLOODS = [
  { label: 'an action with a query', path: QUERY_ACTION },
  {
    label: 'an action that computes 2 ms',
    path: 'bench:compute',
    before: (ours) => ours.probe.ask('compute', { name: LOUD, ms: 2 }),
  },
  {
    label: 'refused for its rate',
    path: QUERY_ACTION,
    before: limited({ requestRate: 1, requestBurst: 1 }),
    after: limited({ requestRate: null, requestBurst: null }),
  },
  { label: 'a stopped application', path: QUERY_ACTION, before: told('stop'), after: told('start') },
  { label: 'WebSocket messages at full speed', messageBytes: 64 },
  { label: 'WebSocket messages above the size limit', messageBytes: LARGE_MESSAGE },
];

/**
 * The 99th percentiles of main and of a neighbour, asked at fixed times. V8 collects the old part of NocoBase's heap (280 MB
 * after it) now and then, in the background and in steps: 460 ms on two cores, during which requests take up to 500 ms. That
 * also happens without a flood, about every 25 s at this load, and would hit one of two windows. Each window begins with
 * such a collection, so that a further one within it is caused by the flood.
 * @param {Contender} contender
 * @param {number} seconds
 */
async function watchBoth(contender, seconds) {
  await contender.probe.ask('heap');
  const over = AbortSignal.timeout(seconds * 1_000);
  const [main, neighbour] = await Promise.all([
    watch(contender.healthUrl, WATCH_EVERY_MS, over),
    watch(`${contender.api}/${OPEN_ACTION}`, WATCH_EVERY_MS, over, { 'X-App': NEIGHBOUR }),
  ]);
  const [refused] = [...main.texts, ...neighbour.texts];
  if (refused !== undefined)
    throw new Error(
      `${main.refused} requests to main and ${neighbour.refused} to the neighbour were refused, the first: ${refused}`,
    );
  return { main: percentile(main.ms, 0.99), neighbour: percentile(neighbour.ms, 0.99) };
}

/**
 * @param {Contender} contender
 * @param {Flood} flood
 */
function planOf(contender, { path, messageBytes }) {
  const connections = CONNECTIONS;
  if (path) {
    const url = `${contender.api}/${path}`;
    return { protocol: /** @type {const} */ ('http'), url, connections, headers: { 'X-App': LOUD } };
  }
  const url = `${new URL(contender.api).origin.replace('http', 'ws')}/ws?__appName=${LOUD}`;
  return { protocol: /** @type {const} */ ('websocket'), url, connections, bytes: messageBytes };
}

/**
 * @param {Contender} ours
 * @param {number} rounds
 * @param {number} seconds
 * @returns {Promise<import('../findings.mjs').Findings>}
 */
async function neighbours(ours, rounds, seconds) {
  /** @type {import('../findings.mjs').Findings} */
  const findings = { figures: [], claims: [], notes: [] };
  for (const flood of FLOODS) {
    /** @type {Record<'main' | 'neighbour', { quiet: number[], flooded: number[] }>} */
    const seen = { main: { quiet: [], flooded: [] }, neighbour: { quiet: [], flooded: [] } };
    const note = (/** @type {'quiet' | 'flooded'} */ when, /** @type {{ main: number, neighbour: number }} */ p99) => {
      seen.main[when].push(p99.main);
      seen.neighbour[when].push(p99.neighbour);
    };
    let counts;
    for (let round = 0; round < rounds; round += 1) {
      await ours.visit(LOUD);
      await flood.before?.(ours);
      await sleep(REST_MS);
      note('quiet', await watchBoth(ours, seconds));
      const source = await startFlood(planOf(ours, flood));
      try {
        note('flooded', await watchBoth(ours, seconds));
      } finally {
        counts = await source.stop();
      }
      await flood.after?.(ours);
      await sleep(REST_MS);
    }
    const answers = Object.entries(counts?.answers ?? {}).map(([status, count]) => `${count} × ${status}`);
    findings.notes?.push(`${flood.label}, last round: ${answers.join(', ')}; ${counts?.closed} connections closed`);
    for (const target of /** @type {const} */ (['main', 'neighbour'])) {
      const { quiet, flooded } = seen[target];
      findings.figures.push(
        figure(target, `${flood.label}: p99 without`, 'ms', quiet),
        figure(target, `${flood.label}: p99 with`, 'ms', flooded),
      );
      findings.claims.push(claim(`${target}, ${flood.label}`, ratios(flooded, quiet), 'at most', 2));
    }
  }
  return findings;
}

/**
 * @param {Contender[]} contenders
 * @param {number} rounds
 * @param {number} boots
 * @returns {Promise<import('../findings.mjs').Findings>}
 */
async function bootingNeighbours(contenders, rounds, boots) {
  const names = appNames(boots);
  const seen = Object.fromEntries(
    contenders.map(({ kind }) => [kind, { p99: /** @type {number[]} */ ([]), last: /** @type {number[]} */ ([]) }]),
  );
  for (const contender of contenders) {
    for (const name of names) await contender.visit(name);
    await contender.sleep(names);
  }
  await inTurn(contenders, rounds, async (contender) => {
    await sleep(REST_MS);
    const { visits, main } = await stormOn(contender, names, 1);
    seen[contender.kind].p99.push(percentile(main.ms, 0.99));
    seen[contender.kind].last.push(Math.max(...visits.map(({ ms }) => ms)));
    await sleep(REST_MS);
    await contender.sleep(names);
  });
  const { ours, peer, before } = seen;
  const claims = [claim(`${boots} boots: main's p99, of the peer's`, ratios(ours.p99, peer.p99), 'at most', 1)];
  if (before)
    claims.push(claim(`${boots} boots: last 200, of before`, ratios(ours.last, before.last), 'at most', 1.05));
  return {
    figures: contenders.flatMap(({ kind }) => [
      figure(kind, `${boots} boots: main's p99`, 'ms', seen[kind].p99),
      figure(kind, `${boots} boots: last 200`, 'ms', seen[kind].last),
    ]),
    claims,
  };
}

/**
 * How long the thread is busy during a piece of work.
 * @template T
 * @param {Contender} contender
 * @param {() => Promise<T>} work
 */
async function withBusyTime({ probe }, work) {
  const before = await probe.ask('busy');
  const result = await work();
  const after = await probe.ask('busy');
  return { result, ms: after.ms - before.ms };
}

/**
 * Time of the thread that a refusal takes, less what the process uses when nothing is asked. The CPU time of the whole
 * process is no measure of it: what its other threads do in the background is several times as much.
 * @param {Contender[]} contenders
 * @param {number} rounds
 * @param {number} seconds
 * @returns {Promise<import('../findings.mjs').Findings>}
 */
async function refusals(contenders, rounds, seconds) {
  const names = appNames(REFUSERS);
  const seen = Object.fromEntries(contenders.map(({ kind }) => [kind, /** @type {number[]} */ ([])]));
  for (const contender of contenders) {
    const administrator = await contender.administrator;
    for (const name of names) await administrator.post(`applications:stop?filterByTk=${name}`);
  }
  await inTurn(contenders, rounds, async (contender) => {
    await sleep(REST_MS);
    const idle = await withBusyTime(contender, () => sleep(seconds * 1_000));
    const busy = await withBusyTime(contender, async () => {
      const sources = await Promise.all(
        names.map((name) =>
          startFlood({
            protocol: 'http',
            url: `${contender.api}/${QUERY_ACTION}`,
            connections: REFUSAL_CONNECTIONS,
            headers: { 'X-App': name },
            pauseMs: contender.kind === 'before' ? REFUSAL_DELAY_MS : 0,
          }),
        ),
      );
      await sleep(seconds * 1_000);
      return Promise.all(sources.map((source) => source.stop()));
    });
    const answered = busy.result
      .flatMap(({ answers }) => Object.values(answers))
      .reduce((sum, count) => sum + count, 0);
    seen[contender.kind].push(((busy.ms - idle.ms) * 1_000) / answered);
  });
  return {
    figures: contenders.map(({ kind }) => figure(kind, 'thread time of a refusal', 'µs', seen[kind])),
    claims: seen.before
      ? [claim('thread time of a refusal, of before', ratios(seen.ours, seen.before), 'at most', 0.4)]
      : [],
  };
}

export const flood = {
  question: `${CONNECTIONS} connections in a closed loop on one application, and its neighbours`,
  rounds: 3,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    const seconds = laboratory.quick ? 2 : WATCH_SECONDS;
    const boots = laboratory.size(BOOTS);
    const floods = await laboratory.withContenders(['ours'], { fleet: { installed: 2 } }, async ([ours]) => {
      await ours.visit(NEIGHBOUR);
      return neighbours(ours, rounds, seconds);
    });
    const booting = await laboratory.withContenders(
      laboratory.kinds(['ours', 'peer']),
      { fleet: { installed: boots } },
      (contenders) => bootingNeighbours(contenders, rounds, boots),
    );
    const refused = await laboratory.withContenders(
      laboratory.kinds(['ours']),
      { fleet: { installed: REFUSERS } },
      (both) => refusals(both, rounds, laboratory.quick ? 2 : REFUSAL_SECONDS),
    );
    const parts = [floods, booting, refused];
    return {
      figures: parts.flatMap(({ figures }) => figures),
      claims: parts.flatMap(({ claims }) => claims),
      notes: parts.flatMap(({ notes = [] }) => notes),
    };
  },
};

// @ts-check
/**
 * What the limits cost where they are all switched off: requests to main and to an application, against the plugin of
 * another checkout.
 */
import { claim, figure } from '../findings.mjs';
import { appName, inTurn } from '../laboratory.mjs';
import { load } from '../load.mjs';
import { ratios } from '../statistics.mjs';
import { QUERY_ACTION } from '../visitor.mjs';

const CONNECTIONS = 16;
/** Short, and in turns: the machine's own speed drifts by far more than what is looked for. */
const SLICES = 24;
const SLICE_SECONDS = 0.4;
const WARM_UP_SECONDS = 6;
const APP = appName(1);
const OFF = [
  'REQUEST_SLOTS',
  'REQUEST_RATE',
  'BODY',
  'WEBSOCKET_CONNECTIONS',
  'WEBSOCKET_MESSAGES',
  'USERS',
  'STORAGE',
].map((limit) => [`APP_SUPERVISOR_LIMIT_${limit}`, '0']);

/** @type {{ label: string, path: string, headers: Record<string, string>, target: number }[]} */
const CASES = [
  { label: "main's health check", path: '__health_check', headers: {}, target: 0.98 },
  { label: "main's action", path: QUERY_ACTION, headers: {}, target: 0.98 },
  { label: "an application's action", path: QUERY_ACTION, headers: { 'X-App': APP }, target: 0.97 },
];

export const limitsOff = {
  question: 'Requests with all limits switched off, against the plugin of another checkout (--before)',
  rounds: 5,

  /**
   * Each round has processes of its own, started in the other order: two processes of the same code differ by up to a
   * tenth (which functions the engine optimises, and when), and so does the first from the second.
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    if (!laboratory.before) throw new Error('--before names no checkout');
    const setting = { fleet: { installed: 1 }, env: Object.fromEntries(OFF) };
    /** @type {import('../contender.mjs').Kind[]} */
    const kinds = ['ours', 'before'];
    /** @type {Record<string, number>[][]} for each case, the requests per second of each round */
    const seen = CASES.map(() => []);
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 ? [...kinds].reverse() : kinds;
      await laboratory.withContenders(order, setting, async (contenders) => {
        for (const contender of contenders) await contender.visit(APP);
        for (const [index, { label, path, headers }] of CASES.entries()) {
          seen[index].push(await alternate(contenders, label, path, headers));
        }
      });
    }
    const of = (/** @type {number} */ index, /** @type {string} */ kind) => seen[index].map((rates) => rates[kind]);
    return {
      figures: CASES.flatMap(({ label }, index) =>
        kinds.map((kind) => figure(kind, label, 'requests/s', of(index, kind))),
      ),
      claims: CASES.map(({ label, target }, index) =>
        claim(`${label}, of before`, ratios(of(index, 'ours'), of(index, 'before')), 'at least', target),
      ),
    };
  },
};

/**
 * Requests per second of each contender, over slices of time in turns.
 * @param {import('../contender.mjs').Contender[]} contenders
 * @param {string} label
 * @param {string} path
 * @param {Record<string, string>} headers
 * @returns {Promise<Record<string, number>>}
 */
async function alternate(contenders, label, path, headers) {
  const press = (/** @type {import('../contender.mjs').Contender} */ contender, /** @type {number} */ seconds) =>
    load({ url: `${contender.api}/${path}`, connections: CONNECTIONS, seconds, headers });
  for (const contender of contenders) await press(contender, WARM_UP_SECONDS);
  const sums = Object.fromEntries(contenders.map(({ kind }) => [kind, { requests: 0, seconds: 0 }]));
  await inTurn(contenders, SLICES, async (contender) => {
    const { requests, others, seconds } = await press(contender, SLICE_SECONDS);
    if (others > 0) throw new Error(`${contender.kind}, ${label}: ${others} answers other than 200`);
    sums[contender.kind].requests += requests;
    sums[contender.kind].seconds += seconds;
  });
  return Object.fromEntries(Object.entries(sums).map(([kind, { requests, seconds }]) => [kind, requests / seconds]));
}

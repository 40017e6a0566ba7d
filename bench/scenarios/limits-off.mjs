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
const SECONDS = 3;
const WARM_UP_SECONDS = 3;
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
  rounds: 8,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    if (!laboratory.before) throw new Error('--before names no checkout');
    const setting = { fleet: { installed: 1 }, env: Object.fromEntries(OFF) };
    return laboratory.withContenders(['ours', 'before'], setting, async (contenders) => {
      for (const contender of contenders) await contender.visit(APP);
      /** @type {import('../findings.mjs').Findings} */
      const findings = { figures: [], claims: [] };
      for (const { label, path, headers, target } of CASES) {
        /** @type {Record<string, number[]>} */
        const seen = { ours: [], before: [] };
        const press = (/** @type {import('../contender.mjs').Contender} */ contender, /** @type {number} */ seconds) =>
          load({ url: `${contender.api}/${path}`, connections: CONNECTIONS, seconds, headers });
        for (const contender of contenders) await press(contender, WARM_UP_SECONDS);
        await inTurn(contenders, rounds, async (contender) => {
          const { requests, others, seconds } = await press(contender, SECONDS);
          if (others > 0) throw new Error(`${contender.kind}, ${label}: ${others} answers other than 200`);
          seen[contender.kind].push(requests / seconds);
        });
        for (const kind of ['ours', 'before']) findings.figures.push(figure(kind, label, 'requests/s', seen[kind]));
        findings.claims.push(claim(`${label}, of before`, ratios(seen.ours, seen.before), 'at least', target));
      }
      return findings;
    });
  },
};

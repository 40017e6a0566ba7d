// @ts-check
/**
 * Many sleeping applications asked for at once, and what the main application's visitors notice of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { claim, figure } from '../findings.mjs';
import { appNames, inTurn } from '../laboratory.mjs';
import { percentile, ratios } from '../statistics.mjs';
import { persist, watch } from '../visitor.mjs';

const APPLICATIONS = 20;
const CLIENTS_EACH = 5;
const WATCH_EVERY_MS = 25;
const REST_MS = 3_000;
/** A person who reloads the page. What gives up after four minutes counts with these. */
const AGAIN_MS = 1_000;

/**
 * All applications asked at once, and main's health check meanwhile.
 * @param {import('../contender.mjs').Contender} contender
 * @param {string[]} names
 * @param {number} clientsEach
 */
export async function stormOn(contender, names, clientsEach) {
  const over = new AbortController();
  const watched = watch(contender.healthUrl, WATCH_EVERY_MS, over.signal);
  const clients = names.flatMap((name) =>
    Array.from({ length: clientsEach }, () => persist(contender.api, name, AGAIN_MS)),
  );
  const visits = await Promise.all(clients).finally(() => over.abort());
  return { visits, main: await watched };
}

export const storm = {
  question: `${APPLICATIONS} sleeping applications asked for at once, by ${CLIENTS_EACH} clients each`,
  rounds: 2,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    const names = appNames(laboratory.size(APPLICATIONS));
    return laboratory.withContenders(['ours', 'peer'], { fleet: { installed: names.length } }, async (contenders) => {
      for (const contender of contenders) {
        await contender.visit(names[0]);
        await contender.sleep([names[0]]);
      }
      const measures = /** @type {const} */ (['last', 'gaveUp', 'refused', 'p50', 'p99', 'max', 'mainRefused']);
      const seen = Object.fromEntries(
        contenders.map(({ kind }) => [kind, Object.fromEntries(measures.map((name) => [name, []]))]),
      );
      /** @type {(kind: string, values: Record<string, number>) => void} */
      const note = (kind, values) => {
        for (const [name, value] of Object.entries(values)) /** @type {any} */ (seen)[kind][name].push(value);
      };
      await inTurn(contenders, rounds, async (contender) => {
        await sleep(REST_MS);
        const { visits, main } = await stormOn(contender, names, CLIENTS_EACH);
        note(contender.kind, {
          last: Math.max(...visits.map(({ ms }) => ms)),
          gaveUp: visits.filter(({ gaveUp }) => gaveUp).length,
          refused: visits.reduce((sum, { refused }) => sum + refused, 0),
          p50: percentile(main.ms, 0.5),
          p99: percentile(main.ms, 0.99),
          max: Math.max(...main.ms),
          mainRefused: main.refused,
        });
        await sleep(REST_MS);
        await contender.sleep(names);
      });
      const both = /** @type {const} */ (['ours', 'peer']);
      const values = (/** @type {string} */ kind, /** @type {string} */ name) => /** @type {any} */ (seen)[kind][name];
      return {
        figures: [
          ...both.map((kind) => figure(kind, 'until the last 200', 'ms', values(kind, 'last'))),
          ...both.map((kind) => figure(kind, 'visitors who gave up', '', values(kind, 'gaveUp'))),
          ...both.map((kind) => figure(kind, 'answers other than 200', '', values(kind, 'refused'))),
          ...both.map((kind) => figure(kind, 'main meanwhile, p50', 'ms', values(kind, 'p50'))),
          ...both.map((kind) => figure(kind, 'main meanwhile, p99', 'ms', values(kind, 'p99'))),
          ...both.map((kind) => figure(kind, 'main meanwhile, longest', 'ms', values(kind, 'max'))),
          ...both.map((kind) => figure(kind, 'main meanwhile, other than 200', '', values(kind, 'mainRefused'))),
        ],
        claims: [
          claim('times faster than the peer', ratios(values('peer', 'last'), values('ours', 'last')), 'at least', 4),
          claim('most answers other than 200 (ours)', [Math.max(...values('ours', 'refused'))], 'at most', 0),
          claim("main's p99, of the peer's", ratios(values('ours', 'p99'), values('peer', 'p99')), 'at most', 0.5),
        ],
      };
    });
  },
};

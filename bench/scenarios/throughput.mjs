// @ts-check
/**
 * What many registered applications cost the main application's own visitors: requests that name no application,
 * against a NocoBase that has no multi-app plugin at all.
 */
import { claim, figure } from '../findings.mjs';
import { inTurn } from '../laboratory.mjs';
import { load } from '../load.mjs';
import { percentile, ratios } from '../statistics.mjs';

const REGISTERED = 10_000;
const CONNECTIONS = 16;
const SECONDS = 3;
const WARM_UP_SECONDS = 3;
/** The first is answered before NocoBase's own application is asked: nothing of ours can hide in it. The second is what
 * every sign-in page asks, one query. */
const PATHS = { 'health check': '__health_check', action: 'authenticators:publicList' };

export const throughput = {
  question: `Requests to the main application, ${REGISTERED} applications registered`,
  rounds: 8,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    /** @type {import('../contender.mjs').Kind[]} */
    const kinds = ['none', 'ours', ...(laboratory.before ? [/** @type {const} */ ('before')] : []), 'peer'];
    return laboratory.withContenders(
      kinds,
      { fleet: { registered: laboratory.size(REGISTERED) } },
      async (contenders) => {
        /** @type {import('../findings.mjs').Findings} */
        const findings = { figures: [], claims: [] };
        for (const [label, path] of Object.entries(PATHS)) {
          const seen = Object.fromEntries(kinds.map((kind) => [kind, { rate: [], cpu: [], p99: [], others: [] }]));
          const press = (
            /** @type {import('../contender.mjs').Contender} */ contender,
            /** @type {number} */ seconds,
          ) => load({ url: `${contender.api}/${path}`, connections: CONNECTIONS, seconds });
          for (const contender of contenders) await press(contender, WARM_UP_SECONDS);
          await inTurn(contenders, rounds, async (contender) => {
            const { result, cpuMs } = await contender.withCpu(() => press(contender, SECONDS));
            const mine = /** @type {Record<string, number[]>} */ (seen[contender.kind]);
            mine.rate.push(result.requests / result.seconds);
            mine.cpu.push((cpuMs * 1_000) / result.requests);
            mine.p99.push(percentile(result.ms, 0.99));
            mine.others.push(result.others);
          });
          for (const kind of kinds) findings.figures.push(figure(kind, label, 'requests/s', seen[kind].rate));
          for (const kind of kinds)
            findings.figures.push(figure(kind, `${label}, CPU a request`, 'µs', seen[kind].cpu));
          for (const kind of kinds) findings.figures.push(figure(kind, `${label}, p99`, 'ms', seen[kind].p99));
          const others = kinds.map((kind) => Math.max(...seen[kind].others));
          if (Math.max(...others) > 0)
            throw new Error(`answers other than 200: ${kinds.join(', ')}: ${others.join(', ')}`);
          const { none, ours, before, peer } = seen;
          findings.claims.push(claim(`${label}: of none's requests/s`, ratios(ours.rate, none.rate), 'at least', 0.97));
          if (before) {
            findings.claims.push(claim(`${label}: before, likewise`, ratios(before.rate, none.rate), 'at least', 0.97));
          }
          findings.figures.push(
            figure('ours', `${label}, CPU of none's`, '', ratios(ours.cpu, none.cpu)),
            ...(before ? [figure('before', `${label}, CPU of none's`, '', ratios(before.cpu, none.cpu))] : []),
            figure('peer', `${label}, requests/s of none's`, '', ratios(peer.rate, none.rate)),
          );
        }
        return findings;
      },
    );
  },
};

// @ts-check
/**
 * The first request to an installed application that sleeps, until its 200.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { claim, figure } from '../findings.mjs';
import { appName, inTurn } from '../laboratory.mjs';
import { ratios } from '../statistics.mjs';

/** What follows an answer (the peer goes on working for a while) must not enter the next round. */
const REST_MS = 1_500;

export const wake = {
  question: 'First request to a sleeping application, until its 200',
  rounds: 7,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    return laboratory.withContenders(['ours', 'peer'], { fleet: { installed: 2 } }, async (contenders) => {
      const [one, other] = [appName(1), appName(2)];
      /** @type {Record<string, { ms: number[], cpu: number[], refused: number[] }>} */
      const seen = { ours: { ms: [], cpu: [], refused: [] }, peer: { ms: [], cpu: [], refused: [] } };
      for (const contender of contenders) {
        // What is loaded once a process is not what is asked for here.
        for (const name of [other, one]) await contender.visit(name);
        await contender.sleep([other, one]);
      }
      await inTurn(contenders, rounds, async (contender) => {
        await sleep(REST_MS);
        const { result, cpuMs } = await contender.withCpu(() => contender.visit(one));
        seen[contender.kind].ms.push(result.ms);
        seen[contender.kind].refused.push(result.refused);
        seen[contender.kind].cpu.push(cpuMs);
        await sleep(REST_MS);
        await contender.sleep([one]);
      });
      const { ours, peer } = seen;
      return {
        figures: [
          figure('ours', 'until 200', 'ms', ours.ms),
          figure('peer', 'until 200', 'ms', peer.ms),
          figure('ours', 'CPU until 200', 'ms', ours.cpu),
          figure('peer', 'CPU until 200', 'ms', peer.cpu),
          figure('ours', 'answers other than 200', '', ours.refused),
          figure('peer', 'answers other than 200', '', peer.refused),
        ],
        claims: [
          claim('times faster than the peer', ratios(peer.ms, ours.ms), 'at least', 6),
          claim('most answers other than 200 (ours)', [Math.max(...ours.refused)], 'at most', 0),
        ],
      };
    });
  },
};

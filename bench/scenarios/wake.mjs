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
    const kinds = laboratory.kinds(['ours', 'peer']);
    return laboratory.withContenders(kinds, { fleet: { installed: 2 } }, async (contenders) => {
      const [one, other] = [appName(1), appName(2)];
      /** @type {Record<string, { ms: number[], cpu: number[], refused: number[] }>} */
      const seen = Object.fromEntries(kinds.map((kind) => [kind, { ms: [], cpu: [], refused: [] }]));
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
      const { ours, peer, before } = seen;
      return {
        figures: [
          ...kinds.map((kind) => figure(kind, 'until 200', 'ms', seen[kind].ms)),
          ...kinds.map((kind) => figure(kind, 'CPU until 200', 'ms', seen[kind].cpu)),
          ...kinds.map((kind) => figure(kind, 'answers other than 200', '', seen[kind].refused)),
        ],
        claims: [
          claim('times faster than the peer', ratios(peer.ms, ours.ms), 'at least', 6),
          claim('most answers other than 200 (ours)', [Math.max(...ours.refused)], 'at most', 0),
          ...(before ? [claim('speed, of before', ratios(before.ms, ours.ms), 'at least', 0.97)] : []),
        ],
      };
    });
  },
};

// @ts-check
/**
 * From the call that creates an application to its first 200.
 */
import { claim, figure } from '../findings.mjs';
import { inTurn } from '../laboratory.mjs';
import { ratios } from '../statistics.mjs';

export const creation = {
  question: 'From create to the first 200',
  rounds: 3,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    return laboratory.withContenders(['ours', 'peer'], {}, async (contenders) => {
      /** @type {Record<string, number[]>} */
      const ms = { ours: [], peer: [] };
      await inTurn(contenders, rounds, async (contender, round) => {
        const administrator = await contender.administrator;
        const name = `made${round}`;
        const options = { dbConnType: 'new_database', database: { database: `bench_${contender.kind}_${name}` } };
        const startedAt = performance.now();
        await administrator.post('applications:create', { name, displayName: name, options });
        await contender.visit(name);
        ms[contender.kind].push(performance.now() - startedAt);
        await contender.sleep([name]);
      });
      return {
        figures: [figure('ours', 'until 200', 'ms', ms.ours), figure('peer', 'until 200', 'ms', ms.peer)],
        claims: [claim('times faster than the peer', ratios(ms.peer, ms.ours), 'at least', 1)],
      };
    });
  },
};

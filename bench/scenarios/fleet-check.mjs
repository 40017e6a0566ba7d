// @ts-check
/**
 * Whether a large fleet is up to date: told by one look into each application's database, without a boot.
 */
import { claim, figure } from '../findings.mjs';

const APPLICATIONS = 300;

export const fleetCheck = {
  question: `Check of ${APPLICATIONS} applications that are up to date`,
  rounds: 3,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    const count = laboratory.size(APPLICATIONS);
    return laboratory.withContenders(['ours'], { fleet: { installed: count } }, async ([contender]) => {
      const administrator = await contender.administrator;
      /** @type {number[]} */
      const each = [];
      /** @type {number[]} */
      const behind = [];
      for (let round = 0; round < rounds; round += 1) {
        const startedAt = performance.now();
        const { applications } = await administrator.get('applications:upgradePlan');
        each.push((performance.now() - startedAt) / count);
        if (applications.length !== count) throw new Error(`${applications.length} of ${count} applications were told`);
        behind.push(applications.filter((/** @type {{ state: string }} */ { state }) => state !== 'current').length);
      }
      const { names } = await contender.probe.ask('running');
      return {
        figures: [figure('ours', 'an application', 'ms', each)],
        claims: [
          claim('ms an application', each, 'below', 50),
          claim('told otherwise than up to date', [Math.max(...behind)], 'at most', 0),
          claim('booted', [names.length], 'at most', 0),
        ],
      };
    });
  },
};

// @ts-check
/**
 * Whether a large fleet is up to date, told without booting any of it.
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
    const applications = laboratory.size(APPLICATIONS);
    return laboratory.withContenders(['ours'], { fleet: { installed: applications } }, async ([contender]) => {
      const administrator = await contender.administrator;
      /** @type {number[]} */
      const each = [];
      for (let round = 0; round < rounds; round += 1) {
        const startedAt = performance.now();
        await administrator.post('applications:upgrade?plan=true');
        each.push((performance.now() - startedAt) / applications);
      }
      const { names } = await contender.probe.ask('running');
      return {
        figures: [figure('ours', 'an application', 'ms', each)],
        claims: [claim('ms an application', each, 'below', 50), claim('booted', [names.length], 'at most', 0)],
      };
    });
  },
};

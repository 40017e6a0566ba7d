// @ts-check
/**
 * From the call that creates an application to its first 200: one for which there is no template, which is installed and
 * leaves one behind, and the next, which is copied from it. Then a clone of one with 100 MB of data.
 */
import { claim, figure } from '../findings.mjs';
import { inTurn } from '../laboratory.mjs';
import { ratios } from '../statistics.mjs';

const MEGABYTES = 100;

/** A table that PostgreSQL cannot compress. */
const filler = (/** @type {number} */ megabytes) => `CREATE TABLE filler AS
  SELECT n, (SELECT string_agg(md5(random()::text || n || m), '') FROM generate_series(1, 32) m) AS text
    FROM generate_series(1, ${megabytes * 1_000}) n`;

export const creation = {
  question: 'From create to the first 200',
  rounds: 5,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    return laboratory.withContenders(['ours', 'peer'], {}, async (contenders) => {
      const databaseOf = (/** @type {string} */ kind, /** @type {string} */ name) => `bench_${kind}_${name}`;
      /**
       * @param {import('../contender.mjs').Contender} contender
       * @param {string} name
       */
      const make = async (contender, name) => {
        const administrator = await contender.administrator;
        const options = { dbConnType: 'new_database', database: { database: databaseOf(contender.kind, name) } };
        const startedAt = performance.now();
        await administrator.post('applications:create', { name, displayName: name, options });
        await contender.visit(name);
        const ms = performance.now() - startedAt;
        await contender.sleep([name]);
        return ms;
      };
      const [installed, copied, peers] = /** @type {number[][]} */ ([[], [], []]);
      await inTurn(contenders, rounds, async (contender, round) => {
        if (contender.kind === 'peer') return void peers.push(await make(contender, `made${round}`));
        for (const template of await laboratory.server.templatesOf('bench_ours'))
          await laboratory.server.drop(template);
        installed.push(await make(contender, `installed${round}`));
        copied.push(await make(contender, `copied${round}`));
      });

      const [ours] = contenders;
      const megabytes = laboratory.size(MEGABYTES);
      await laboratory.server.sql(filler(megabytes), [], databaseOf('ours', 'copied0'));
      const administrator = await ours.administrator;
      const startedAt = performance.now();
      await administrator.post('applications:clone?filterByTk=copied0', { name: 'bench_cloned' });
      await ours.visit('bench_cloned');
      const clonedMs = performance.now() - startedAt;
      await ours.sleep(['bench_cloned']);
      return {
        figures: [
          figure('ours', 'until 200, installed', 'ms', installed),
          figure('ours', 'until 200, from a template', 'ms', copied),
          figure('peer', 'until 200', 'ms', peers),
          figure('ours', `clone of an application with ${megabytes} MB, until 200`, 'ms', [clonedMs]),
        ],
        claims: [
          claim('times faster than the peer, without a template', ratios(peers, installed), 'at least', 1),
          claim('times faster than the peer, from a template', ratios(peers, copied), 'at least', 6),
        ],
        notes: ['who is installed leaves a template behind, which is part of the time'],
      };
    });
  },
};

// @ts-check
/**
 * From the call that creates an application to its first 200: the very first one, which is installed and leaves a
 * template behind, and those after it, which are copied from the template. Then a clone of one with 100 MB of data.
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
      /** @type {Record<string, number[]>} */
      const first = { ours: [], peer: [] };
      /** @type {Record<string, number[]>} */
      const warm = { ours: [], peer: [] };
      await inTurn(contenders, 1, async (contender) => {
        first[contender.kind].push(await make(contender, 'first'));
      });
      await inTurn(contenders, rounds, async (contender, round) => {
        warm[contender.kind].push(await make(contender, `made${round}`));
      });

      const [ours] = contenders;
      const megabytes = laboratory.size(MEGABYTES);
      await laboratory.server.sql(filler(megabytes), [], databaseOf('ours', 'first'));
      const administrator = await ours.administrator;
      const startedAt = performance.now();
      await administrator.post('applications:clone?filterByTk=first', { name: 'bench_cloned' });
      await ours.visit('bench_cloned');
      const clonedMs = performance.now() - startedAt;
      await ours.sleep(['bench_cloned']);
      return {
        figures: [
          figure('ours', 'until 200, the first one', 'ms', first.ours),
          figure('peer', 'until 200, the first one', 'ms', first.peer),
          figure('ours', 'until 200, from a template', 'ms', warm.ours),
          figure('peer', 'until 200', 'ms', warm.peer),
          figure('ours', `clone of an application with ${megabytes} MB, until 200`, 'ms', [clonedMs]),
        ],
        claims: [
          claim('times faster than the peer, without a template', ratios(first.peer, first.ours), 'at least', 1),
          claim('times faster than the peer, from a template', ratios(warm.peer, warm.ours), 'at least', 6),
        ],
        notes: ['the first application is installed, and leaves the template behind from which the others are copied'],
      };
    });
  },
};

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
    const kinds = laboratory.kinds(['ours', 'peer']);
    return laboratory.withContenders(kinds, {}, async (contenders) => {
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
      /** @type {Record<string, { installed: number[], copied: number[] }>} */
      const seen = Object.fromEntries(kinds.map((kind) => [kind, { installed: [], copied: [] }]));
      await inTurn(contenders, rounds, async (contender, round) => {
        const { installed, copied } = seen[contender.kind];
        if (contender.kind !== 'peer') {
          for (const template of await laboratory.server.templatesOf(`bench_${contender.kind}`))
            await laboratory.server.drop(template);
        }
        installed.push(await make(contender, `installed${round}`));
        if (contender.kind !== 'peer') copied.push(await make(contender, `copied${round}`));
      });

      const [contender] = contenders;
      const { ours, peer, before } = seen;
      const mine = kinds.filter((kind) => kind !== 'peer');
      const megabytes = laboratory.size(MEGABYTES);
      await laboratory.server.sql(filler(megabytes), [], databaseOf('ours', 'copied0'));
      const administrator = await contender.administrator;
      const startedAt = performance.now();
      await administrator.post('applications:clone?filterByTk=copied0', { name: 'bench_cloned' });
      await contender.visit('bench_cloned');
      const clonedMs = performance.now() - startedAt;
      await contender.sleep(['bench_cloned']);
      return {
        figures: [
          ...mine.map((kind) => figure(kind, 'until 200, installed', 'ms', seen[kind].installed)),
          ...mine.map((kind) => figure(kind, 'until 200, from a template', 'ms', seen[kind].copied)),
          figure('peer', 'until 200', 'ms', peer.installed),
          figure('ours', `clone of an application with ${megabytes} MB, until 200`, 'ms', [clonedMs]),
        ],
        claims: [
          claim(
            'times faster than the peer, without a template',
            ratios(peer.installed, ours.installed),
            'at least',
            1,
          ),
          claim('times faster than the peer, from a template', ratios(peer.installed, ours.copied), 'at least', 6),
          ...(before
            ? [
                claim(
                  'speed without a template, of before',
                  ratios(before.installed, ours.installed),
                  'at least',
                  0.93,
                ),
                claim('speed from a template, of before', ratios(before.copied, ours.copied), 'at least', 0.93),
              ]
            : []),
        ],
        notes: ['who is installed leaves a template behind, which is part of the time'],
      };
    });
  },
};

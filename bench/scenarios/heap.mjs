// @ts-check
/**
 * What one more running application holds of the heap, after garbage collection, and who made it.
 */
import { claim, figure } from '../findings.mjs';
import { appNames, inTurn } from '../laboratory.mjs';
import { ratios } from '../statistics.mjs';

const APPLICATIONS = 10;
const CONTRIBUTORS = 12;
const MB = 1024 * 1024;

export const heap = {
  question: `Heap of a running application, after garbage collection (${APPLICATIONS} woken)`,
  rounds: 2,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @param {number} rounds
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory, rounds) {
    const count = laboratory.size(APPLICATIONS);
    const [first, ...names] = appNames(count + 1);
    const fleet = { installed: count + 1 };
    return laboratory.withContenders(['ours', 'peer'], { fleet }, async (contenders) => {
      /** @type {Record<string, number[]>} */
      const each = { ours: [], peer: [] };
      /** @type {string[]} */
      const notes = [];
      // The first brings along what all share, and stays.
      for (const contender of contenders) await contender.visit(first);
      await inTurn(contenders, rounds, async (contender, round) => {
        const before = await contender.probe.ask('heap');
        const attributed = round === rounds - 1;
        if (attributed) await contender.probe.ask('sample');
        for (const name of names) await contender.visit(name);
        if (attributed) {
          const { bytes } = await contender.probe.ask('retained');
          notes.push(...contributors(contender.kind, bytes, count));
        }
        const after = await contender.probe.ask('heap');
        each[contender.kind].push((after.heapUsed - before.heapUsed) / count / MB);
        await contender.sleep(names);
      });
      return {
        figures: [figure('ours', 'heap each', 'MB', each.ours), figure('peer', 'heap each', 'MB', each.peer)],
        claims: [claim("of the peer's", ratios(each.ours, each.peer), 'at most', 1)],
        notes,
      };
    });
  },
};

/**
 * The largest allocators of what is still alive, an application each, by sampling.
 * @param {string} kind
 * @param {Record<string, number>} bytes
 * @param {number} count of applications
 */
function contributors(kind, bytes, count) {
  const packages = sum(bytes, (who) => who.split(' ')[0]);
  const functions = sum(bytes, (who) => who);
  const told = (/** @type {[string, number][]} */ list) =>
    list.map(([who, size]) => `${who} ${(size / count / MB).toFixed(2)}`).join(', ');
  return [
    `${kind}, allocated and alive, MB an application, by package: ${told(packages)}`,
    `${kind}, by function: ${told(functions)}`,
  ];
}

/**
 * @param {Record<string, number>} bytes
 * @param {(who: string) => string} key
 */
function sum(bytes, key) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const [who, size] of Object.entries(bytes)) sums.set(key(who), (sums.get(key(who)) ?? 0) + size);
  return [...sums].sort(([, a], [, b]) => b - a).slice(0, CONTRIBUTORS);
}

// @ts-check
/**
 * One application woken and put to sleep again and again: nothing may stay behind.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { claim, figure } from '../findings.mjs';
import { appName } from '../laboratory.mjs';
import { slope } from '../statistics.mjs';

const CYCLES = 100;
/** Until what is made once, or grows to its size once, is there. */
const SETTLING = 10;
const SAMPLE_EVERY = 5;
const MB = 1024 * 1024;
/**
 * Machine code that V8 makes of what runs often lies in the heap too, and goes on growing for a thousand cycles. What
 * the applications leave is measured without it.
 */
const NO_MACHINE_CODE = '--no-opt --no-sparkplug';
const DATABASE = 'bench_ours_';

export const cycles = {
  question: `${CYCLES} times woken and put to sleep`,
  rounds: 1,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory) {
    return laboratory.withContenders(
      ['ours'],
      { fleet: { installed: 1 }, env: { BENCH_V8_FLAGS: NO_MACHINE_CODE } },
      async ([contender]) => {
        const name = appName(1);
        const count = laboratory.size(CYCLES);
        const settling = laboratory.size(SETTLING);
        const census = async () => {
          // Sockets that were closed take a moment to go.
          await sleep(1_000);
          const { files, ...counted } = await contender.probe.ask('census');
          const connections = await laboratory.server.connections(DATABASE);
          return { open: tally(files), counts: { ...counted, files: files.length, connections } };
        };
        /** @type {[cycle: number, mb: number][]} */
        const points = [];
        let before = await census();
        for (let cycle = 0; cycle <= settling + count; cycle += 1) {
          if (cycle === settling) before = await census();
          if (cycle >= settling && (cycle - settling) % SAMPLE_EVERY === 0) {
            points.push([cycle - settling, (await contender.probe.ask('heap')).heapUsed / MB]);
          }
          if (cycle === settling + count) break;
          await contender.visit(name);
          await contender.sleep([name]);
        }
        const after = await census();
        const kinds = Object.keys(before.counts);
        return {
          figures: [
            figure(
              'ours',
              'heap, first to last',
              'MB',
              points.map(([, mb]) => mb),
            ),
            ...kinds.flatMap((kind) => [
              figure('ours', `${kind}, before`, '', [before.counts[kind]]),
              figure('ours', `${kind}, after`, '', [after.counts[kind]]),
            ]),
          ],
          claims: [
            claim('heap slope, MB a cycle', [slope(points)], 'below', 0.02),
            ...kinds.map((kind) =>
              claim(`${kind} more than before`, [after.counts[kind] - before.counts[kind]], 'at most', 0),
            ),
          ],
          notes: more(before.open, after.open),
        };
      },
    );
  },
};

/**
 * @param {string[]} files
 * @returns {Map<string, number>}
 */
function tally(files) {
  const counts = new Map();
  for (const file of files) counts.set(file, (counts.get(file) ?? 0) + 1);
  return counts;
}

/**
 * @param {Map<string, number>} before
 * @param {Map<string, number>} after
 */
function more(before, after) {
  const grown = [...after].filter(([file, count]) => count > (before.get(file) ?? 0));
  return grown.map(([file, count]) => `open ${count - (before.get(file) ?? 0)} times more than before: ${file}`);
}

// @ts-check
/** Lets one process at a time install, build and place files in a clone. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from './lock.mjs';
import { ROOT_DIR } from './paths.mjs';
import { HostProblem, reasonOf } from './problem.mjs';

/**
 * One preparation at a time in a clone; a second one waits for the first, and then finds its work done.
 * @param {import('./report.mjs').Report} report
 * @param {AbortSignal | undefined} signal
 * @param {(lock: FileLock) => Promise<void>} work
 */
export async function preparing(report, signal, work) {
  const folder = join(ROOT_DIR, '.host');
  const acquire = async () => {
    mkdirSync(folder, { recursive: true });
    return FileLock.acquire(join(folder, 'prepare.lock'));
  };
  let taken = await acquire().catch((error) => {
    throw new HostProblem(`Cannot write in the repository: ${reasonOf(error)}; run this as the user who owns it.`);
  });
  if ('heldBy' in taken) report.say(`  … waiting for another preparation of this clone (process ${taken.heldBy.pid})`);
  while ('heldBy' in taken) {
    await sleep(500, undefined, { signal }).catch(() => signal?.throwIfAborted());
    taken = await acquire();
  }
  const { lock } = taken;
  try {
    await lock.clearUp(report);
    await work(lock);
  } finally {
    lock.release();
  }
}

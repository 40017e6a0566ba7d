import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProgramDeadline } from '../../../server/nocobase/program-deadline';

/** Runs a program to its end, as the Backup Manager does. Rejects if it fails. */
async function run(program: string, ...args: string[]): Promise<void> {
  const [code, signal] = (await once(spawn(program, args), 'close')) as [number | null, string | null];
  if (code !== 0) throw new Error(`ended with ${signal ?? code}`);
}

const TOO_LATE = { code: 'APP_DUMP_TIMEOUT', status: 503, params: { program: 'sleep', seconds: 0 } };

describe('the deadline of programs', () => {
  it('lets a program end in time', async () => {
    const deadline = new ProgramDeadline(5_000);
    await deadline.run(() => run('sleep', '0.05'));
    deadline.close();
  });

  it('ends a program that runs for too long, and says so', async () => {
    const deadline = new ProgramDeadline(100);
    await expect(deadline.run(() => run('sleep', '60'))).rejects.toMatchObject(TOO_LATE);
    deadline.close();
  });

  it('holds for each program that the work starts', async () => {
    const deadline = new ProgramDeadline(300);
    const work = async () => {
      for (let round = 0; round < 3; round += 1) await run('sleep', '0.2');
      await run('sleep', '60');
    };
    await expect(deadline.run(work)).rejects.toMatchObject(TOO_LATE);
  });

  it('holds for a program that the work starts after its promise is settled', async () => {
    const deadline = new ProgramDeadline(100);
    let later: Promise<unknown> | undefined;
    await deadline.run(async () => {
      later = sleep(20).then(() => expect(run('sleep', '60')).rejects.toThrow('ended with SIGTERM'));
      await sleep(1);
    });
    await later;
  });

  it('kills a program that does not end when it is asked to', async () => {
    const deadline = new ProgramDeadline(500);
    const stubborn = () => run('sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done');
    await expect(deadline.run(stubborn)).rejects.toMatchObject({ code: 'APP_DUMP_TIMEOUT', params: { program: 'sh' } });
  });

  it('keeps the error of work that fails in time', async () => {
    await expect(new ProgramDeadline(5_000).run(() => run('false'))).rejects.toThrow('ended with 1');
  });

  it('leaves the programs of other work alone', async () => {
    const deadline = new ProgramDeadline(100);
    const others = run('sleep', '0.4');
    await deadline.run(() => sleep(300));
    await expect(others).resolves.toBeUndefined();
  });

  it('leaves programs alone that an application starts after the work has ended', async () => {
    const deadline = new ProgramDeadline(100);
    let later: Promise<void> | undefined;
    await deadline.run(async () => {
      later = sleep(50).then(() => run('sleep', '0.4'));
      await sleep(1);
    });
    deadline.close();
    await expect(later).resolves.toBeUndefined();
  });
});

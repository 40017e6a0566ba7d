import { CommandHold } from '../../server/lifecycle/command-hold';
import { deferred } from '../../server/lifecycle/deferred';

const settled = async (promise: Promise<unknown>) => {
  const late = Symbol('late');
  return (await Promise.race([promise, new Promise((done) => setImmediate(() => done(late)))])) !== late;
};

describe('command hold', () => {
  it('holds requests from the call until the command has ended, and drains first', async () => {
    const hold = new CommandHold();
    const [drained, done] = [deferred(), deferred()];
    const journal: string[] = [];
    expect([hold.ended, hold.drained, hold.isDraining]).toEqual([undefined, undefined, false]);
    const run = hold.run(
      () => drained.promise,
      async () => {
        journal.push('command');
        await done.promise;
        return 7;
      },
    );
    const { ended } = hold;
    expect([ended !== undefined, hold.isDraining, journal]).toEqual([true, true, []]);
    drained.resolve();
    await hold.drained;
    await new Promise(setImmediate);
    expect([hold.isDraining, journal, await settled(ended as Promise<void>)]).toEqual([false, ['command'], false]);
    done.resolve();
    expect(await run).toBe(7);
    expect([await settled(ended as Promise<void>), hold.ended]).toEqual([true, undefined]);
  });

  it('ends with a command that fails, and hands the error on', async () => {
    const hold = new CommandHold();
    const run = hold.run(
      () => Promise.resolve(),
      () => Promise.reject(new Error('planted')),
    );
    const { ended } = hold;
    await expect(run).rejects.toThrow('planted');
    expect([await settled(ended as Promise<void>), hold.ended]).toEqual([true, undefined]);
  });

  it('lets requests pass when the instance ends, and a command that goes on opens no later hold', async () => {
    const hold = new CommandHold();
    const [first, second] = [deferred(), deferred()];
    const hung = hold.run(
      () => Promise.resolve(),
      () => first.promise,
    );
    const { ended } = hold;
    hold.open();
    expect([await settled(ended as Promise<void>), hold.ended]).toEqual([true, undefined]);
    const next = hold.run(
      () => Promise.resolve(),
      () => second.promise,
    );
    first.resolve();
    await hung;
    expect(hold.ended).toBeDefined();
    second.resolve();
    await next;
    expect(hold.ended).toBeUndefined();
  });
});

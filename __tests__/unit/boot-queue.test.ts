import fc from 'fast-check';
import { BootQueue, type BootPriority } from '../../server/lifecycle/boot-queue';

function deferred() {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/** Jobs that begin when the queue lets them, and end when the test says so. */
class Jobs {
  readonly begun: string[] = [];
  readonly promote: Record<string, (priority: BootPriority) => void> = {};
  private readonly ends: Record<string, ReturnType<typeof deferred>> = {};
  private readonly queue: BootQueue;

  constructor(concurrency: number | (() => number)) {
    this.queue = new BootQueue(typeof concurrency === 'number' ? () => concurrency : concurrency);
  }

  add(name: string, priority: BootPriority = 'visitor', long = false): Promise<string> {
    const end = deferred();
    this.ends[name] = end;
    const work = async () => {
      this.begun.push(name);
      await end.promise;
      return name;
    };
    return this.queue.run({ priority, long }, work, (promote) => {
      this.promote[name] = promote;
    });
  }

  async end(name: string, error?: Error): Promise<void> {
    if (error) this.ends[name]?.reject(error);
    else this.ends[name]?.resolve();
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

describe('BootQueue', () => {
  it('begins as many as may run at once, and the next when one has ended', async () => {
    const jobs = new Jobs(2);
    const results = ['a', 'b', 'c', 'd'].map((name) => jobs.add(name));
    expect(jobs.begun).toEqual(['a', 'b']);
    await jobs.end('b');
    expect(jobs.begun).toEqual(['a', 'b', 'c']);
    await jobs.end('a');
    await jobs.end('c');
    await jobs.end('d');
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets visitors pass those that start by themselves, each in the order of coming', async () => {
    const jobs = new Jobs(1);
    const results = [
      jobs.add('first', 'background'),
      jobs.add('eager 1', 'background'),
      jobs.add('eager 2', 'background'),
      jobs.add('visitor 1'),
      jobs.add('visitor 2'),
    ];
    for (const name of ['first', 'visitor 1', 'visitor 2', 'eager 1', 'eager 2']) await jobs.end(name);
    expect(jobs.begun).toEqual(['first', 'visitor 1', 'visitor 2', 'eager 1', 'eager 2']);
    await Promise.all(results);
  });

  it('lets one that is promoted pass as a visitor', async () => {
    const jobs = new Jobs(1);
    const results = [
      jobs.add('first'),
      jobs.add('eager 1', 'background'),
      jobs.add('eager 2', 'background'),
      jobs.add('visitor'),
    ];
    jobs.promote['eager 2']?.('visitor');
    for (const name of ['first', 'eager 2', 'visitor', 'eager 1']) await jobs.end(name);
    expect(jobs.begun).toEqual(['first', 'eager 2', 'visitor', 'eager 1']);
    await Promise.all(results);
  });

  it('keeps a place free for wakes while applications are made', async () => {
    const jobs = new Jobs(2);
    const results = [jobs.add('making 1', 'visitor', true), jobs.add('making 2', 'visitor', true), jobs.add('wake')];
    expect(jobs.begun).toEqual(['making 1', 'wake']);
    await jobs.end('wake');
    expect(jobs.begun).toEqual(['making 1', 'wake']);
    await jobs.end('making 1');
    expect(jobs.begun).toEqual(['making 1', 'wake', 'making 2']);
    await jobs.end('making 2');
    await Promise.all(results);
  });

  it('frees the place of a job that fails, also of one that throws at once', async () => {
    const jobs = new Jobs(1);
    const failing = jobs.add('failing').catch((error: Error) => error.message);
    const next = jobs.add('next');
    await jobs.end('failing', new Error('broken'));
    expect(await failing).toBe('broken');
    expect(jobs.begun).toEqual(['failing', 'next']);
    await jobs.end('next');
    await next;

    const queue = new BootQueue(() => 1);
    const thrown = queue.run({ priority: 'visitor' }, () => {
      throw new Error('thrown');
    });
    await expect(thrown).rejects.toThrow('thrown');
    await expect(queue.run({ priority: 'visitor' }, () => Promise.resolve('runs'))).resolves.toBe('runs');
  });

  it('offers no promotion where nobody waits', () => {
    const jobs = new Jobs(1);
    void jobs.add('first');
    expect(jobs.promote.first).toBeUndefined();
  });

  type Action = { kind: 'add'; priority: BootPriority } | { kind: 'end' | 'fail' | 'promote'; pick: number };
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), priority: fc.constantFrom<BootPriority>('visitor', 'background') }),
    fc.record({ kind: fc.constantFrom('end' as const, 'fail' as const, 'promote' as const), pick: fc.nat(50) }),
  );

  it('is never over its bound, never idle while somebody waits, and comes to an end', async () => {
    const schedule = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(action, { maxLength: 40 }));
    await fc.assert(
      fc.asyncProperty(schedule, async ([concurrency, actions]) => {
        const queue = new BootQueue(() => concurrency);
        const running: ReturnType<typeof deferred>[] = [];
        const promotions: ((priority: BootPriority) => void)[] = [];
        const results: Promise<unknown>[] = [];
        let added = 0;
        let ended = 0;
        const check = () => {
          expect(running.length).toBeLessThanOrEqual(concurrency);
          expect(running.length).toBe(Math.min(concurrency, added - ended));
        };
        const add = (priority: BootPriority) => {
          added += 1;
          const work = async () => {
            const end = deferred();
            running.push(end);
            await end.promise;
          };
          results.push(queue.run({ priority }, work, (promote) => promotions.push(promote)).catch(() => undefined));
        };
        const end = (pick: number, fails: boolean) => {
          const [job] = running.splice(pick % running.length, 1);
          ended += 1;
          if (fails) job?.reject(new Error('broken'));
          else job?.resolve();
        };
        for (const step of actions) {
          if (step.kind === 'add') add(step.priority);
          else if (step.kind === 'promote') promotions[step.pick % promotions.length]?.('visitor');
          else if (running.length) end(step.pick, step.kind === 'fail');
          await settle();
          check();
        }
        while (running.length) {
          end(0, false);
          await settle();
          check();
        }
        await Promise.all(results);
        expect(ended).toBe(added);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a closed queue', () => {
  it('refuses who waits and who comes, and lets what has begun come to its end', async () => {
    const queue = new BootQueue(() => 1);
    const closed = new Error('closed');
    let finish: (value: string) => void = () => undefined;
    const begun = queue.run({ priority: 'visitor' }, () => new Promise<string>((resolve) => (finish = resolve)));
    const never = jest.fn(() => Promise.resolve());
    const waiting = queue.run({ priority: 'visitor' }, never);
    queue.close(closed);
    await expect(waiting).rejects.toBe(closed);
    await expect(queue.run({ priority: 'visitor' }, never)).rejects.toBe(closed);
    finish('done');
    expect(await begun).toBe('done');
    expect(never).not.toHaveBeenCalled();
  });
});

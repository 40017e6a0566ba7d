import fc from 'fast-check';
import { pass, RunnerWorld } from './helpers/runner-world';

/** Any interleaving of what may happen to one application, against the invariants of the house. */

type Step =
  | { do: 'wake' | 'start' | 'stop' | 'sleep' | 'nap' | 'restart' | 'upgrade' | 'lease' | 'release' | 'lose' }
  | { do: 'pass'; ms: number }
  | { do: 'break' | 'hang' | 'mend'; stage: 'auth' | 'upgrade' | 'load' | 'start' };

const stage = fc.constantFrom('auth' as const, 'upgrade' as const, 'load' as const, 'start' as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(['wake', 'start', 'start', 'stop', 'sleep', 'nap', 'restart', 'upgrade'] as const),
        ...(['lease', 'release', 'lose'] as const),
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 50, 600, 5_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('break' as const, 'hang' as const, 'mend' as const), stage }),
  },
);

const ENV = { APP_SUPERVISOR_BOOT_TIMEOUT: '5', APP_SUPERVISOR_DRAIN_TIMEOUT: '2' };

class Model {
  readonly world = new RunnerWorld({}, 'asleep', ENV);
  private readonly promises: Promise<unknown>[] = [];
  private readonly releases: (() => void)[] = [];
  pending = 0;
  /** What an operator said last. */
  private decision?: 'start' | 'stop';

  constructor() {
    for (const name of ['auth', 'upgrade', 'load', 'start'] as const) this.world.at[name] = () => slow(40);
    this.world.at.destroy = () => slow(30);
  }

  private track(work: Promise<unknown>): void {
    this.pending += 1;
    const end = () => {
      this.pending -= 1;
    };
    this.promises.push(work.then(end, end));
  }

  async apply(given: Step): Promise<void> {
    const { world } = this;
    const { runner } = world;
    if (given.do === 'start' || given.do === 'restart') this.decision = 'start';
    if (given.do === 'stop') this.decision = 'stop';
    switch (given.do) {
      case 'wake':
        return this.track(runner.wake());
      case 'start':
        return this.track(runner.start());
      case 'stop':
        return this.track(runner.stop('operator'));
      case 'sleep':
        return this.track(runner.stop('sleep'));
      case 'nap':
        return this.track(runner.sleep('idle', () => this.releases.length === 0));
      case 'restart':
        return this.track(runner.restart());
      case 'upgrade':
        return this.track(runner.upgrade(true));
      case 'lease':
        this.releases.push(runner.lease());
        return;
      case 'release':
        this.releases.shift()?.();
        return;
      case 'lose':
        // An instance that is coming up or going down is ours alone.
        if (runner.state === 'running') world.lose();
        return;
      case 'pass':
        await jest.advanceTimersByTimeAsync(given.ms);
        return;
      case 'break':
        world.at[given.stage] = () => slow(10).then(() => Promise.reject(new Error('broken')));
        return;
      case 'hang':
        world.at[given.stage] = () => slow(5_500);
        return;
      case 'mend':
        world.at[given.stage] = () => slow(40);
    }
  }

  /** Everybody leaves, and time passes. */
  async settle(): Promise<void> {
    for (const release of this.releases) release();
    await jest.advanceTimersByTimeAsync(600_000);
  }

  checkAlways(): void {
    expect(this.world.overlaps).toBe(0);
    expect(this.world.alive.length).toBeLessThanOrEqual(1);
    if (this.world.runner.state === 'running') expect(this.world.alive).toMatchObject([{ answers: true }]);
  }

  checkAtRest(): void {
    this.checkAlways();
    expect(this.pending).toBe(0);
    expect(this.world.runner.state === 'stopped').toBe(this.decision === 'stop');
    expect(this.world.warnings).toEqual([]);
    expect(['running', 'asleep', 'stopped', 'failed', 'quarantined']).toContain(this.world.runner.state);
    expect(this.world.alive).toHaveLength(this.world.runner.state === 'running' ? 1 : 0);
    expect(this.world.runner.room.occupied).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  }
}

function slow(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** A boot that was given up comes to its end while the next one is at work. */
const OVERTAKEN: Step[] = [
  { do: 'hang', stage: 'start' },
  { do: 'wake' },
  { do: 'pass', ms: 5_000 },
  { do: 'start' },
  { do: 'pass', ms: 600 },
  { do: 'wake' },
];

/** Visitors come before, while and after it falls asleep. */
const NAPS: [Step[]] = [
  [
    { do: 'wake' },
    { do: 'pass', ms: 600 },
    { do: 'lease' },
    { do: 'nap' },
    { do: 'release' },
    { do: 'nap' },
    { do: 'pass', ms: 1 },
    { do: 'wake' },
    { do: 'nap' },
    { do: 'pass', ms: 50 },
  ],
];

/** Its instance ends by itself while its versions are read. */
const LOST: [Step[]] = [[{ do: 'wake' }, { do: 'pass', ms: 600 }, { do: 'upgrade' }, { do: 'lose' }]];

/** Visitors come between Stop and Start, which is the last word. */
const LAST_WORD: [Step[]] = [
  [{ do: 'restart' }, { do: 'stop' }, { do: 'wake' }, { do: 'wake' }, { do: 'wake' }, { do: 'start' }],
];

describe('whatever happens to an application', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => jest.useRealTimers());

  it('it has one instance at most, none when it rests, and nobody waits for ever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const model = new Model();
        for (const one of steps) {
          await model.apply(one);
          model.checkAlways();
        }
        await model.settle();
        model.checkAtRest();
      }),
      {
        numRuns: 150,
        examples: [
          ...[[OVERTAKEN], [[{ do: 'restart' }, { do: 'stop' }]], [[{ do: 'wake' }, { do: 'sleep' }]]],
          ...[NAPS, LOST, LAST_WORD],
        ] as [Step[]][],
      },
    );
  });

  it('it runs again after Start, once nothing stands in the way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const model = new Model();
        for (const one of steps) await model.apply(one);
        await model.settle();
        for (const name of ['auth', 'upgrade', 'load', 'start'] as const)
          await model.apply({ do: 'mend', stage: name });
        await model.apply({ do: 'start' });
        await pass(1_000);
        expect(model.world.runner.state).toBe('running');
        model.checkAtRest();
      }),
      { numRuns: 80 },
    );
  });
});

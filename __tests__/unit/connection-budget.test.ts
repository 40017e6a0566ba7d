import fc from 'fast-check';
import { ConnectionBudget, TURN_MS, type Holder, type Permit } from '../../server/lifecycle/connection-budget';

const DEADLINE_MS = 30_000;

/** A pool of which the test decides what is in use. Recalled connections close in no time, unless they are stuck. */
class Pool implements Holder {
  readonly permits: Permit[] = [];
  readonly idle = new Set<Permit>();
  readonly errors: unknown[] = [];
  waiting = 0;

  constructor(
    readonly budget: ConnectionBudget,
    readonly name: string,
    readonly claim = 1,
  ) {}

  take(deadlineMs = DEADLINE_MS): void {
    this.waiting += 1;
    this.budget.take(this, deadlineMs).then(
      (permit) => {
        this.waiting -= 1;
        this.permits.push(permit);
      },
      (error: unknown) => {
        this.waiting -= 1;
        this.errors.push(error);
      },
    );
  }

  /** Its connection is not used any longer, and stays open. */
  rest(at = 0): void {
    const permit = this.permits[at];
    if (!permit) return;
    if (this.budget.recalls(permit, this.waiting > 0)) this.close(at);
    else this.idle.add(permit);
  }

  /** Its idle connection is used again. */
  use(): void {
    this.idle.clear();
  }

  close(at = 0): void {
    const [permit] = this.permits.splice(at, 1);
    if (permit) this.idle.delete(permit);
    permit?.release();
    permit?.release();
  }

  giveBack(): void {
    for (const permit of [...this.idle]) {
      if (this.budget.recalls(permit, false)) this.close(this.permits.indexOf(permit));
    }
  }
}

describe('the connection budget', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const pass = (ms = 0) => jest.advanceTimersByTimeAsync(ms);
  const pools = (budget: ConnectionBudget, count: number, claim = 1) =>
    Array.from({ length: count }, (_, at) => new Pool(budget, `app${at}`, claim));
  const held = (all: Pool[]) => all.map(({ permits }) => permits.length);

  it('gives out what there is, and no more', async () => {
    const budget = new ConnectionBudget(2);
    const all = pools(budget, 3);
    for (const pool of all) pool.take();
    await pass();
    expect(held(all)).toEqual([1, 1, 0]);
    expect(budget.snapshot()).toEqual({
      limit: 2,
      inUse: 2,
      waiting: 1,
      holders: {
        app0: { inUse: 1, waiting: 0 },
        app1: { inUse: 1, waiting: 0 },
        app2: { inUse: 0, waiting: 1 },
      },
    });
    all[1]?.close();
    await pass();
    expect(held(all)).toEqual([1, 0, 1]);
    for (const pool of all) pool.close();
    expect(budget.snapshot()).toEqual({ limit: 2, inUse: 0, waiting: 0, holders: {} });
  });

  it('serves each once before it serves one twice', async () => {
    const budget = new ConnectionBudget(1);
    const [holder, greedy, modest] = pools(budget, 3, 5) as [Pool, Pool, Pool];
    holder.take();
    for (let wish = 0; wish < 4; wish += 1) greedy.take();
    modest.take();
    const served: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      await pass();
      const [one] = [holder, greedy, modest].filter(({ permits }) => permits.length > 0);
      served.push(String(one?.name));
      one?.close();
    }
    expect(served).toEqual(['app0', 'app1', 'app2', 'app1', 'app1', 'app1']);
  });

  it('refuses after the deadline with a code, and the place in line is free', async () => {
    const budget = new ConnectionBudget(1);
    const [first, late, patient] = pools(budget, 3) as [Pool, Pool, Pool];
    first.take();
    late.take(5_000);
    patient.take();
    await pass(5_000);
    expect(late.errors).toMatchObject([
      { code: 'APP_DATABASE_BUSY', status: 503, params: { name: 'app1', seconds: 5 } },
    ]);
    first.close();
    await pass();
    expect(held([first, late, patient])).toEqual([0, 0, 1]);
    patient.close();
  });

  it('takes back a connection that nobody uses, once it had its turn', async () => {
    const budget = new ConnectionBudget(1);
    const [idle, other] = pools(budget, 2) as [Pool, Pool];
    idle.take();
    await pass();
    idle.rest();
    await pass(TURN_MS / 2);
    other.take();
    await pass();
    expect(held([idle, other])).toEqual([1, 0]);
    await pass(2 * TURN_MS);
    expect(held([idle, other])).toEqual([0, 1]);
    other.close();
  });

  it('takes back one that is in use when its query has ended, and no more than are waited for', async () => {
    const budget = new ConnectionBudget(3);
    const [a, b, c, other] = pools(budget, 4) as [Pool, Pool, Pool, Pool];
    for (const pool of [a, b, c]) pool.take();
    await pass(TURN_MS);
    other.take();
    await pass(10 * TURN_MS);
    expect(held([a, b, c, other])).toEqual([1, 1, 1, 0]);
    for (const pool of [a, b, c]) pool.rest();
    await pass();
    expect(held([a, b, c, other])).toEqual([0, 1, 1, 1]);
    for (const pool of [b, c, other]) pool.close();
  });

  it('takes one that is wanted only for somebody who has none, or fewer', async () => {
    const budget = new ConnectionBudget(4);
    const [two, one, equal, none] = pools(budget, 4, 2) as [Pool, Pool, Pool, Pool];
    for (const pool of [two, one, two, equal]) pool.take();
    await pass(TURN_MS);
    expect(held([two, one, equal, none])).toEqual([2, 1, 1, 0]);
    equal.take();
    await pass();
    const [first] = one.permits as [Permit];
    const [second] = two.permits as [Permit];
    // One that has one itself does not get another's only one; it gets one of two, and what nobody wants.
    expect([budget.recalls(first, true), budget.recalls(second, true)]).toEqual([false, true]);
    two.close();
    await pass();
    expect(held([two, one, equal, none])).toEqual([1, 1, 2, 0]);
    none.take();
    expect(budget.recalls(first, true)).toBe(true);
    one.close();
    await pass();
    expect(held([two, one, equal, none])).toEqual([1, 0, 2, 1]);
    for (const pool of [two, equal, equal, none]) pool.close();
  });

  it('gives a longer turn to what took long to open', async () => {
    const budget = new ConnectionBudget(1);
    const [slow, other] = pools(budget, 2) as [Pool, Pool];
    slow.take();
    await pass(50);
    const [permit] = slow.permits as [Permit];
    permit.opened();
    other.take();
    await pass(900);
    expect(budget.recalls(permit, false)).toBe(false);
    await pass(150);
    expect(budget.recalls(permit, false)).toBe(true);
    slow.close();
    await pass();
    other.close();
  });

  it('serves who has none before who wants another, however long that one has waited', async () => {
    const budget = new ConnectionBudget(2);
    const [rich, blocker, poor] = [new Pool(budget, 'rich', 2), new Pool(budget, 'blocker'), new Pool(budget, 'poor')];
    rich.take();
    blocker.take();
    rich.take();
    poor.take();
    await pass();
    expect(held([rich, blocker, poor])).toEqual([1, 1, 0]);
    blocker.close();
    await pass();
    // He needs no more than this one, and so comes to his end.
    expect(held([rich, blocker, poor])).toEqual([1, 0, 1]);
    poor.close();
    await pass();
    expect(held([rich, blocker, poor])).toEqual([2, 0, 0]);
    rich.close();
    rich.close();
  });

  it('takes nothing from one for itself', async () => {
    const budget = new ConnectionBudget(2);
    const [one] = pools(budget, 1, 3) as [Pool];
    for (let wish = 0; wish < 3; wish += 1) one.take();
    await pass(TURN_MS);
    expect([one.permits.length, one.waiting]).toEqual([2, 1]);
    one.rest();
    await pass(TURN_MS);
    expect([one.permits.length, one.waiting]).toEqual([2, 1]);
    budget.withdraw(one, new Error('not needed'));
    await pass();
    expect(one.errors).toEqual([new Error('not needed')]);
    one.close();
    one.close();
  });

  it('keeps the last connection for somebody who can then come to his end', async () => {
    const budget = new ConnectionBudget(3);
    const [a, b, c] = pools(budget, 3, 2) as [Pool, Pool, Pool];
    // Each holds one in a transaction, and then needs a second: without a reserve all three would wait for ever.
    for (const pool of [a, b, c]) pool.take();
    await pass();
    expect(held([a, b, c])).toEqual([1, 1, 0]);
    a.take();
    b.take();
    await pass();
    expect(held([a, b, c])).toEqual([2, 1, 0]);
    a.close();
    a.close();
    await pass();
    expect(held([a, b, c])).toEqual([0, 2, 1]);
    for (const pool of [b, b, c]) pool.close();
  });

  it('gives nothing out at once where others wait', async () => {
    const budget = new ConnectionBudget(2);
    const [a, b, c] = pools(budget, 3, 2) as [Pool, Pool, Pool];
    a.take();
    b.take();
    await pass();
    expect(held([a, b])).toEqual([1, 0]);
    expect(budget.tryTake(c)).toBeUndefined();
    a.close();
    await pass();
    const permit = budget.tryTake(new Pool(budget, 'd'));
    expect(permit).toBeDefined();
    permit?.release();
    b.close();
  });

  it('follows a limit that changes', async () => {
    const budget = new ConnectionBudget(1);
    const all = pools(budget, 3);
    for (const pool of all) pool.take();
    budget.limit = 3;
    await pass();
    expect(held(all)).toEqual([1, 1, 1]);
    budget.limit = 1;
    const late = new Pool(budget, 'late');
    late.take();
    for (const pool of all.slice(0, 2)) pool.close();
    await pass();
    expect(late.permits).toEqual([]);
    all[2]?.close();
    await pass();
    expect(late.permits.length).toBe(1);
    late.close();
  });
});

// ---- over random histories ------------------------------------------------------------------------------------------

type Step = { do: 'take' | 'rest' | 'use' | 'close' | 'withdraw'; pool: number } | { do: 'pass'; ms: number };

const COUNT = 5;

describe('the connection budget, whatever happens', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('take', 'take', 'take', 'rest', 'use', 'close', 'withdraw'),
        pool: fc.nat(COUNT - 1),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 30, 120, 3_000) }) },
  );
  const claims = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: COUNT, maxLength: COUNT });

  /** What is counted is what is held; never above the limit; nobody waits where somebody may be served. */
  function check(budget: ConnectionBudget, pools: Pool[]): void {
    const { limit, inUse, waiting } = budget.snapshot();
    expect(inUse).toBeLessThanOrEqual(limit);
    expect(inUse).toBe(pools.reduce((sum, { permits }) => sum + permits.length, 0));
    expect(waiting).toBe(pools.reduce((sum, pool) => sum + pool.waiting, 0));
    for (const pool of pools) expect(pool.permits.length).toBeLessThanOrEqual(Math.max(pool.claim, 1));
  }

  it('never gives out more than there is, loses no permit, and starves nobody', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), claims, fc.array(step, { maxLength: 60 }), async (...given) => {
        const [limit, most, steps] = given;
        const budget = new ConnectionBudget(limit);
        const pools = most.map((claim, at) => new Pool(budget, `app${at}`, claim));
        for (const one of steps) {
          if (one.do === 'pass') await jest.advanceTimersByTimeAsync(one.ms);
          else apply(one.do, pools[one.pool] as Pool, budget);
          await jest.advanceTimersByTimeAsync(0);
          check(budget, pools);
        }
        // From now on every connection in use is given back in the end, even if its holder first needs all it may have.
        for (const pool of pools) pool.errors.length = 0;
        const wanted = pools.map((pool) => pool.permits.length + pool.waiting);
        for (let round = 0; round < 100 && pools.some(({ waiting }) => waiting > 0); round += 1) {
          for (const pool of pools) {
            if (pool.permits.length > 0 && pool.waiting === 0) while (pool.permits.length) pool.close();
          }
          await jest.advanceTimersByTimeAsync(2 * TURN_MS);
          check(budget, pools);
          if (pools.every(({ waiting, permits }) => waiting === 0 || permits.length > 0)) {
            for (const pool of pools) pool.rest();
            await jest.advanceTimersByTimeAsync(2 * TURN_MS);
          }
        }
        expect([wanted, pools.flatMap(({ errors }) => errors)]).toEqual([wanted, []]);
        for (const pool of pools) while (pool.permits.length) pool.close();
        await jest.advanceTimersByTimeAsync(0);
        expect(budget.snapshot()).toEqual({ limit, inUse: 0, waiting: 0, holders: {} });
        expect(jest.getTimerCount()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  function apply(what: 'take' | 'rest' | 'use' | 'close' | 'withdraw', pool: Pool, budget: ConnectionBudget): void {
    if (what === 'take') {
      // A pool never wants more than it may have.
      if (pool.permits.length + pool.waiting < Math.min(pool.claim, budget.limit)) pool.take();
    } else if (what === 'withdraw') budget.withdraw(pool, new Error('not needed'));
    else pool[what]();
  }
});

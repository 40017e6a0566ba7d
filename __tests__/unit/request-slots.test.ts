import fc from 'fast-check';
import { RequestSlots, type SlotLimits, type SlotOutcome } from '../../server/limits/request-slots';

const stays = () => undefined;

function slotsWith(limits: Partial<SlotLimits> = {}) {
  const inForce: { -readonly [name in keyof SlotLimits]: number } = {
    requestSlots: 2,
    requestQueue: 2,
    queueTimeout: 10,
    ...limits,
  };
  const world = { msSinceOthers: Infinity, otherAtWork: false };
  return {
    slots: new RequestSlots(() => inForce, {
      msSinceOthers: () => world.msSinceOthers,
      isOtherAtWork: () => world.otherAtWork,
    }),
    inForce,
    world,
  };
}

async function settledNow(outcome: ReturnType<RequestSlots['take']>): Promise<SlotOutcome | 'pending'> {
  await jest.advanceTimersByTimeAsync(0);
  return Promise.race([outcome, Promise.resolve('pending' as const)]);
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('request slots', () => {
  it('request slots: admits at once while there is a slot, then queues, then refuses', async () => {
    const { slots } = slotsWith();
    expect(slots.take(stays)).toBe('admitted');
    await jest.advanceTimersByTimeAsync(0);
    expect(slots.take(stays)).toBe('admitted');
    const waiting = [slots.take(stays), slots.take(stays)].map((outcome) => Promise.resolve(outcome));
    expect(slots.take(stays)).toBe('refused');
    expect([slots.inFlight, slots.waiting]).toEqual([2, 2]);
    slots.leave();
    slots.leave();
    await jest.runAllTimersAsync();
    expect(await Promise.all(waiting)).toEqual(['admitted', 'admitted']);
    expect([slots.inFlight, slots.waiting]).toEqual([2, 0]);
  });

  it('request slots: the longest waiting request enters first, in a later turn of the event loop', async () => {
    const { slots } = slotsWith({ requestSlots: 1 });
    expect(slots.take(stays)).toBe('admitted');
    const entered: string[] = [];
    const first = Promise.resolve(slots.take(stays)).then(() => entered.push('first'));
    const second = Promise.resolve(slots.take(stays)).then(() => entered.push('second'));
    slots.leave();
    await Promise.resolve();
    expect(entered).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(entered).toEqual(['first']);
    slots.leave();
    await jest.advanceTimersByTimeAsync(1);
    await Promise.all([first, second]);
    expect(entered).toEqual(['first', 'second']);
  });

  it('request slots: one request begins in a turn of the event loop, in the order of arrival', async () => {
    const { slots } = slotsWith({ requestSlots: 3, requestQueue: 0 });
    const began: number[] = [];
    expect(slots.take(stays)).toBe('admitted');
    const others = [1, 2].map((number) => Promise.resolve(slots.take(stays)).then(() => began.push(number)));
    expect(slots.take(stays)).toBe('refused');
    await Promise.resolve();
    expect([slots.inFlight, slots.waiting, began]).toEqual([1, 2, []]);
    await jest.advanceTimersToNextTimerAsync();
    expect([slots.inFlight, slots.waiting, began]).toEqual([2, 1, [1]]);
    await jest.runAllTimersAsync();
    await Promise.all(others);
    expect([slots.inFlight, slots.waiting, began]).toEqual([3, 0, [1, 2]]);
  });

  describe('request slots: while other applications are in use', () => {
    function sharedSlots(limits: Partial<SlotLimits> = {}) {
      const given = slotsWith({ requestSlots: 4, ...limits });
      given.world.msSinceOthers = 500;
      const began: number[] = [];
      const come = (number: number) => {
        const outcome = given.slots.take(stays);
        void Promise.resolve(outcome).then((how) => how === 'admitted' && began.push(number));
        return outcome;
      };
      return { ...given, began, come };
    }

    /** So many requests, of which the first ended after some milliseconds, while another application is in use. */
    async function withFirstEnded(count: number, ms = 3) {
      const given = sharedSlots({ requestQueue: 100 });
      for (let number = 1; number <= count; number += 1) void given.come(number);
      await jest.advanceTimersByTimeAsync(ms);
      given.world.msSinceOthers = 5;
      given.slots.leave();
      return given;
    }

    it('the next request begins when the one before has ended', async () => {
      const { slots, began, come } = sharedSlots();
      for (const number of [1, 2, 3]) void come(number);
      await jest.advanceTimersByTimeAsync(20);
      expect(began).toEqual([1]);
      slots.leave();
      await jest.advanceTimersByTimeAsync(1);
      expect(began).toEqual([1, 2]);
      slots.leave();
      await jest.advanceTimersByTimeAsync(1);
      expect(began).toEqual([1, 2, 3]);
      slots.leave();
      await jest.runAllTimersAsync();
    });

    it('the next request does not wait for a slow one', async () => {
      const { began, come } = sharedSlots();
      for (const number of [1, 2, 3]) void come(number);
      await jest.advanceTimersByTimeAsync(24);
      expect(began).toEqual([1]);
      await jest.advanceTimersByTimeAsync(3);
      expect(began).toEqual([1, 2]);
      await jest.advanceTimersByTimeAsync(30);
      expect(began).toEqual([1, 2, 3]);
    });

    it('a request that comes while the one before is at work waits, and takes no place of the queue', async () => {
      const { began, come } = sharedSlots({ requestQueue: 0 });
      void come(1);
      await jest.advanceTimersByTimeAsync(10);
      for (const number of [2, 3, 4]) expect(typeof come(number)).toBe('object');
      expect(come(5)).toBe('refused');
      await jest.advanceTimersByTimeAsync(200);
      expect(began).toEqual([1, 2, 3, 4]);
    });

    it('many waiting requests leave other applications twice the time that each takes', async () => {
      const { slots, began, world } = await withFirstEnded(30);
      await jest.advanceTimersByTimeAsync(4);
      expect(began).toEqual([1]);
      await jest.advanceTimersByTimeAsync(4);
      expect(began).toEqual([1, 2]);
      // Of a long request, a bounded part only.
      await jest.advanceTimersByTimeAsync(20);
      slots.leave();
      await jest.advanceTimersByTimeAsync(8);
      expect(began).toEqual([1, 2]);
      await jest.advanceTimersByTimeAsync(4);
      expect(began).toEqual([1, 2, 3]);
      // The other application is not in use.
      world.msSinceOthers = 30;
      slots.leave();
      await jest.advanceTimersByTimeAsync(1);
      expect(began).toEqual([1, 2, 3, 4]);
      await jest.runAllTimersAsync();
    });

    it('many waiting requests begin when no request of another application is at work, and after 10 ms in any case', async () => {
      const { slots, began, world } = await withFirstEnded(30, 1);
      world.otherAtWork = true;
      await jest.advanceTimersByTimeAsync(7);
      expect([began, slots.isCrowded]).toEqual([[1], true]);
      world.otherAtWork = false;
      await jest.advanceTimersByTimeAsync(2);
      expect(began).toEqual([1, 2]);
      world.otherAtWork = true;
      slots.leave();
      await jest.advanceTimersByTimeAsync(9);
      expect(began).toEqual([1, 2]);
      await jest.advanceTimersByTimeAsync(3);
      expect(began).toEqual([1, 2, 3]);
      world.msSinceOthers = 1_000;
      expect(slots.isCrowded).toBe(false);
      await jest.runAllTimersAsync();
    });

    it('few waiting requests leave no such time: they are those of one page', async () => {
      const { slots, began, world } = await withFirstEnded(10);
      world.otherAtWork = true;
      expect(slots.isCrowded).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      expect(began).toEqual([1, 2]);
      await jest.runAllTimersAsync();
    });

    it('all slots are used as soon as the others are not in use any more', async () => {
      const { began, come, world } = sharedSlots();
      for (const number of [1, 2, 3, 4]) void come(number);
      await jest.advanceTimersByTimeAsync(10);
      world.msSinceOthers = 1_000;
      await jest.advanceTimersByTimeAsync(20);
      expect(began).toEqual([1, 2, 3, 4]);
    });

    it('requests without a limit begin at once', async () => {
      const { slots } = sharedSlots({ requestSlots: 0 });
      expect([slots.take(stays), slots.take(stays)]).toEqual(['admitted', 'admitted']);
      await jest.runAllTimersAsync();
    });

    it('a visitor that leaves while its request waits leaves no timer behind', async () => {
      const { slots, come } = sharedSlots();
      void come(1);
      await jest.advanceTimersByTimeAsync(1);
      const leavers: (() => void)[] = [];
      const outcome = slots.take((listener) => leavers.push(listener));
      await jest.advanceTimersByTimeAsync(1);
      for (const leave of leavers) leave();
      expect([await outcome, jest.getTimerCount()]).toEqual(['left', 0]);
    });
  });

  it('request slots: a request that waits too long is refused', async () => {
    const { slots } = slotsWith({ requestSlots: 1, queueTimeout: 3 });
    expect(slots.take(stays)).toBe('admitted');
    const outcome = slots.take(stays);
    await jest.advanceTimersByTimeAsync(2_999);
    expect(await settledNow(outcome)).toBe('pending');
    await jest.advanceTimersByTimeAsync(1);
    expect(await outcome).toBe('refused');
    expect(slots.waiting).toBe(0);
  });

  it('request slots: a visitor that leaves gives its place in the queue back', async () => {
    const { slots } = slotsWith({ requestSlots: 1, requestQueue: 1 });
    expect(slots.take(stays)).toBe('admitted');
    let leave: () => void = () => undefined;
    const outcome = slots.take((listener) => {
      leave = listener;
    });
    expect(slots.take(stays)).toBe('refused');
    leave();
    expect(await outcome).toBe('left');
    expect(slots.waiting).toBe(0);
    const next = slots.take(stays);
    leave();
    slots.leave();
    await jest.runAllTimersAsync();
    expect(await next).toBe('admitted');
  });

  it('request slots: requests that were held already are not refused for the length of the queue', async () => {
    const { slots } = slotsWith({ requestSlots: 1, requestQueue: 0 });
    expect(slots.take(stays)).toBe('admitted');
    const held = slots.take(stays, false);
    expect(typeof held).toBe('object');
    slots.leave();
    await jest.runAllTimersAsync();
    expect(await held).toBe('admitted');
  });

  it('request slots: a limit that is taken away lets all enter', async () => {
    const { slots, inForce } = slotsWith({ requestSlots: 1 });
    expect(slots.take(stays)).toBe('admitted');
    const waiting = [slots.take(stays), slots.take(stays)].map((outcome) => Promise.resolve(outcome));
    inForce.requestSlots = 0;
    slots.refresh();
    await jest.runAllTimersAsync();
    expect(await Promise.all(waiting)).toEqual(['admitted', 'admitted']);
  });

  it('request slots: never more in flight than slots, and every slot comes back, whatever happens', async () => {
    const step = fc.constantFrom<'come' | 'end' | 'leave' | 'time' | 'others'>(
      'come',
      'end',
      'leave',
      'time',
      'others',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, requestSlots) => {
          const { slots, world } = slotsWith({ requestSlots, requestQueue: 3, queueTimeout: 5 });
          let inside = 0;
          const leavers: (() => void)[] = [];
          for (const what of steps) {
            if (what === 'come') {
              void Promise.resolve(slots.take((listener) => leavers.push(listener))).then((outcome) => {
                if (outcome === 'admitted') inside += 1;
              });
            } else if (what === 'end' && inside > 0) {
              inside -= 1;
              slots.leave();
            } else if (what === 'others') world.msSinceOthers = world.msSinceOthers > 0 ? 0 : Infinity;
            else if (what === 'leave') leavers.shift()?.();
            else if (what === 'time') await jest.advanceTimersByTimeAsync(2_000);
            await jest.advanceTimersByTimeAsync(1);
            expect(slots.inFlight).toBe(inside);
            expect(slots.inFlight).toBeLessThanOrEqual(requestSlots);
            expect(slots.inFlight + slots.waiting).toBeLessThanOrEqual(requestSlots + 3);
          }
          while (inside > 0) {
            inside -= 1;
            slots.leave();
            await jest.advanceTimersByTimeAsync(1);
          }
          await jest.runAllTimersAsync();
          expect([slots.inFlight, slots.waiting]).toEqual([0, 0]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

import fc from 'fast-check';
import {
  checkLimits,
  decideSlot,
  effectiveLimits,
  isUnlimited,
  LIMIT_NAMES,
  LIMITS,
  limitsFromRow,
  limitVariable,
  maxBodyBytes,
  maxExtractedBytes,
  maxStorageBytes,
  takeToken,
  type Limits,
  type TokenBucket,
} from '../../../src/policies/limits';

const DEFAULTS = Object.fromEntries(LIMIT_NAMES.map((name) => [name, LIMITS[name].fallback])) as Limits;

describe('limits: the table', () => {
  it.each(LIMIT_NAMES)('the default of %s lies within its range', (name) => {
    const { fallback, min, max } = LIMITS[name];
    expect(fallback).toBeGreaterThanOrEqual(min);
    expect(fallback).toBeLessThanOrEqual(max);
  });

  it('limits: names an environment variable for each limit', () => {
    expect(limitVariable('requestSlots')).toBe('APP_SUPERVISOR_LIMIT_REQUEST_SLOTS');
    expect(limitVariable('body')).toBe('APP_SUPERVISOR_LIMIT_BODY');
    expect(new Set(LIMIT_NAMES.map(limitVariable)).size).toBe(LIMIT_NAMES.length);
  });

  it('limits: 0 means no limit, but for the queue, in which it means no places', () => {
    expect(LIMIT_NAMES.filter((name) => !isUnlimited(name, 0))).toEqual(['requestQueue']);
    expect(LIMIT_NAMES.filter((name) => isUnlimited(name, 1))).toEqual([]);
  });

  it("limits: an application's own values go before the defaults", () => {
    expect(effectiveLimits(DEFAULTS, undefined)).toBe(DEFAULTS);
    expect(effectiveLimits(DEFAULTS, { users: 3 })).toEqual({ ...DEFAULTS, users: 3 });
    expect(effectiveLimits(DEFAULTS, { requestRate: 0 }).requestRate).toBe(0);
  });

  it.each([
    [0, Infinity],
    [1, 1_048_576],
  ])('limits: %d MB are %d bytes', (mb, bytes) => {
    expect(maxBodyBytes({ body: mb })).toBe(bytes);
    expect(maxStorageBytes({ storage: mb })).toBe(bytes);
  });

  it.each([
    ['the storage, if it has a limit', { body: 1, storage: 2 }, 2 ** 30, 2 * 2 ** 20],
    ['the largest body', { body: 1, storage: 0 }, 1, 2 ** 20],
    ['twenty times the size of a large backup', { body: 1, storage: 0 }, 2 ** 20, 20 * 2 ** 20],
    ['1 GB, if there is no limit', { body: 0, storage: 0 }, 1, 2 ** 30],
    ['twenty times the size of a larger backup', { body: 0, storage: 0 }, 2 ** 30, 20 * 2 ** 30],
  ])('limits: a backup may be extracted to %s', (_bound, limits, archiveBytes, expected) => {
    expect(maxExtractedBytes(limits, archiveBytes)).toBe(expected);
  });
});

describe('limits: what a caller gives', () => {
  it.each([
    [undefined, undefined],
    [null, undefined],
    [{}, undefined],
    [{ users: null }, undefined],
    [
      { users: 5, body: 0 },
      { users: 5, body: 0 },
    ],
  ])('limits: reads %j as %j', (given, expected) => {
    expect(checkLimits(given)).toEqual(expected);
  });

  it('limits: a name that the caller does not give keeps its value, and null removes one', () => {
    expect(checkLimits({ users: 5 }, { body: 1, storage: 9 })).toEqual({ users: 5, body: 1, storage: 9 });
    expect(checkLimits({ body: null }, { body: 1, storage: 9 })).toEqual({ storage: 9 });
    expect(checkLimits({ body: null }, { body: 1 })).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [7, 'limits'],
    ['users', 'limits'],
    [[], 'limits'],
    [{ cpu: 1 }, 'limits.cpu'],
    [JSON.parse('{"__proto__":{"users":1}}'), 'limits.__proto__'],
    [{ constructor: 1 }, 'limits.constructor'],
    [{ users: '5' }, 'limits.users'],
    [{ users: -1 }, 'limits.users'],
    [{ users: 1.5 }, 'limits.users'],
    [{ users: NaN }, 'limits.users'],
    [{ users: Infinity }, 'limits.users'],
    [{ users: true }, 'limits.users'],
    [{ users: {} }, 'limits.users'],
    [{ requestSlots: 10_001 }, 'limits.requestSlots'],
    [{ queueTimeout: 0 }, 'limits.queueTimeout'],
    [{ requestBurst: 0 }, 'limits.requestBurst'],
  ])('limits: refuses %j and names %s', (given, field) => {
    const attempt = () => checkLimits(given);
    expect(attempt).toThrow(expect.objectContaining({ code: 'APP_VALUE_INVALID', status: 400 }));
    expect(attempt).toThrow(expect.objectContaining({ params: expect.objectContaining({ field }) as object }));
  });

  it.each<[unknown, unknown]>([
    [null, undefined],
    ['x', undefined],
    [[], undefined],
    [{ users: 'x', cpu: 1 }, undefined],
    [{ users: 4, body: -1 }, { users: 4 }],
  ])('limits: of a row, %j counts as %j', (value, expected) => {
    expect(limitsFromRow(value)).toEqual(expected);
  });

  it('limits: any JSON is accepted within the ranges or refused with status 400', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          const limits = checkLimits(value) ?? {};
          for (const name of LIMIT_NAMES) {
            const own = limits[name];
            if (own !== undefined) expect(own >= LIMITS[name].min && own <= LIMITS[name].max).toBe(true);
          }
          expect(Object.keys(limits).every((name) => name in LIMITS)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'APP_VALUE_INVALID', status: 400 });
        }
      }),
    );
  });
});

describe('limits: token bucket', () => {
  const bucket = (tokens: number, at = 0): TokenBucket => ({ tokens, at });

  it.each([
    ['a full bucket', bucket(3), 0, 0, 2],
    ['its last token', bucket(1), 0, 0, 0],
    ['an empty one after the time for a token', bucket(0), 100, 0, 0],
    ['an empty one at once', bucket(0), 0, 100, 0],
    ['an empty one half way', bucket(0), 50, 50, 0.5],
    ['one that rests for an hour holds no more than its size', bucket(0), 3_600_000, 0, 2],
    ['a clock that goes back takes no token away', bucket(2, 1_000), 500, 0, 1],
  ])('limits: %s', (_case, state, now, wait, left) => {
    expect(takeToken(state, 10, 3, now)).toBe(wait);
    expect(state.tokens).toBeCloseTo(left);
  });

  it('limits: never lets pass more than the burst and the rate allow, whatever the times', () => {
    const gaps = fc.array(fc.nat(2_000), { maxLength: 200 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 50 }), (times, rate, burst) => {
        const state = bucket(burst);
        let now = 0;
        let passed = 0;
        for (const gap of times) {
          now += gap;
          if (takeToken(state, rate, burst, now) === 0) passed += 1;
        }
        expect(passed).toBeLessThanOrEqual(burst + (now * rate) / 1_000 + 1e-6);
      }),
    );
  });

  it('limits: the wait that it returns is enough', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.integer({ min: 1, max: 10_000 }),
        (tokens, rate) => {
          const state = bucket(tokens);
          const wait = takeToken(state, rate, 5, 0);
          expect(takeToken(state, rate, 5, wait + 1)).toBe(0);
        },
      ),
    );
  });
});

describe('limits: request slots', () => {
  const limits = { requestSlots: 2, requestQueue: 3 };
  it.each([
    [limits, 0, 0, true, 'admit'],
    [limits, 1, 0, true, 'admit'],
    [limits, 2, 0, true, 'wait'],
    [limits, 2, 2, true, 'wait'],
    [limits, 2, 3, true, 'refuse'],
    // Requests that wait already come first.
    [limits, 1, 1, true, 'wait'],
    // Another one began just now.
    [limits, 0, 0, false, 'wait'],
    [{ requestSlots: 2, requestQueue: 0 }, 1, 0, false, 'wait'],
    [{ requestSlots: 2, requestQueue: 0 }, 1, 1, false, 'refuse'],
    [{ requestSlots: 0, requestQueue: 0 }, 9_999, 0, false, 'admit'],
    [{ requestSlots: 1, requestQueue: 0 }, 1, 0, true, 'refuse'],
  ] as const)(
    'limits: with %j, %d in flight, %d waiting, a begin allowed: %s, the decision is %s',
    (given, inFlight, waiting, mayBegin, decision) => {
      expect(decideSlot(given, inFlight, waiting, mayBegin)).toBe(decision);
    },
  );
});

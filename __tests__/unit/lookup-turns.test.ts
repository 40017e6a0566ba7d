import { promises } from 'node:dns';
import { Agent, get } from 'node:http';
import type { LookupAddress } from 'node:dns';
import { LookupTurns, lookupInTurn, trackLookups } from '../../server/lifecycle/lookup-turns';

describe('the turns of look-ups', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  /** Notes what begins; `ends` ends them. */
  function open() {
    const turns = new LookupTurns();
    const begun: string[] = [];
    const refused: string[] = [];
    const ends: (() => void)[] = [];
    const take = (app: string, label = app) =>
      turns.take(
        app,
        (end) => {
          begun.push(label);
          ends.push(end);
        },
        () => refused.push(label),
      );
    return { begun, refused, ends, take };
  }

  it('go round among the applications, one at a time', () => {
    const { begun, ends, take } = open();
    for (const label of ['a1', 'a2', 'a3']) take('a', label);
    take('b', 'b1');
    take('c', 'c1');
    expect(begun).toEqual(['a1']);
    for (let count = 0; count < 5; count += 1) ends[count]?.();
    expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
  });

  it('that end twice begin one other', () => {
    const { begun, ends, take } = open();
    for (const label of ['1', '2', '3']) take('a', label);
    ends[0]?.();
    ends[0]?.();
    expect(begun).toEqual(['1', '2']);
    ends[1]?.();
    ends[2]?.();
  });

  it('that do not come are refused in time, and are 200 of one application', async () => {
    const { begun, refused, ends, take } = open();
    for (let count = 0; count < 210; count += 1) take('a', String(count));
    expect([begun.length, refused.length]).toEqual([1, 9]);
    await jest.advanceTimersByTimeAsync(20_000);
    expect([begun.length, refused.length]).toEqual([1, 209]);
    ends[0]?.();
    take('b');
    expect(begun).toEqual(['0', 'b']);
  });
});

describe('a name', () => {
  it('is looked up as by Node', async () => {
    const turns = new LookupTurns();
    const find = (hostname: string, all: boolean) =>
      new Promise((resolve) => {
        lookupInTurn(turns, 'crm')(hostname, { all }, (error, found) => resolve(error?.code ?? found));
      });
    const found = (await find('localhost', true)) as LookupAddress[];
    expect(found[0]?.address).toMatch(/^(127\.0\.0\.1|::1)$/);
    expect(await find('localhost', false)).toMatch(/^(127\.0\.0\.1|::1)$/);
    expect(await find('name.invalid', false)).toMatch(/^E(NOTFOUND|AI_AGAIN)$/);
  });

  it('of a request that is refused for its turn fails the request', async () => {
    const turns = new LookupTurns();
    turns.take('crm', () => undefined, jest.fn());
    for (let count = 0; count < 200; count += 1) turns.take('crm', () => undefined, jest.fn());
    const lookup = lookupInTurn(turns, 'crm');
    const agent = new Agent();
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      get({ host: 'localhost', port: 1, agent, lookup }).on('error', resolve);
    });
    expect(error.code).toBe('ETIMEOUT');
  });

  it('takes a turn by promises for an application only', async () => {
    const turns = new LookupTurns();
    let current: string | undefined;
    const undo = trackLookups(turns, () => current);
    let held: () => void = () => undefined;
    turns.take('other', (end) => (held = end), jest.fn());
    try {
      await expect(promises.lookup('localhost')).resolves.toMatchObject({ family: expect.any(Number) as number });
      current = 'crm';
      let isFound = false;
      const found = promises.lookup('localhost').then(() => (isFound = true));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(isFound).toBe(false);
      held();
      await found;
      await expect(promises.lookup('name.invalid')).rejects.toThrow();
    } finally {
      undo();
    }
  });
});

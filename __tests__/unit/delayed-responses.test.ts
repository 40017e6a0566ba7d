import { DELAY_MS, DelayedResponses } from '../../server/limits/delayed-responses';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('delayed responses', () => {
  it('delayed responses: are sent after the delay, in order', async () => {
    const delayed = new DelayedResponses();
    const sent: number[] = [];
    for (const number of [1, 2, 3]) delayed.add('crm', () => sent.push(number));
    await jest.advanceTimersByTimeAsync(DELAY_MS - 60);
    expect([sent, delayed.size]).toEqual([[], 3]);
    await jest.advanceTimersByTimeAsync(120);
    expect([sent, delayed.size]).toEqual([[1, 2, 3], 0]);
  });

  it('delayed responses: one timer serves all, and none is left when none waits', async () => {
    const delayed = new DelayedResponses();
    for (let count = 0; count < 100; count += 1) delayed.add('crm', () => undefined);
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(DELAY_MS + 500);
    expect([delayed.size, jest.getTimerCount()]).toEqual([0, 0]);
  });

  it('delayed responses: many that are due together do not fill one turn of the event loop', async () => {
    const delayed = new DelayedResponses();
    let sent = 0;
    for (let count = 0; count < 200; count += 1) delayed.add('crm', () => (sent += 1));
    await jest.advanceTimersByTimeAsync(DELAY_MS + 49);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(100);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(sent).toBe(200);
  });

  it('delayed responses: are bounded for each application, and in all', () => {
    const delayed = new DelayedResponses();
    const add = (key: string) => delayed.add(key, () => undefined);
    const accepted = (key: string) => Array.from({ length: 300 }, () => add(key)).filter(Boolean).length;
    expect([accepted('crm'), accepted('erp')]).toEqual([256, 256]);
    for (let app = 0; app < 20; app += 1) accepted(`app${app}`);
    expect(delayed.size).toBe(2_000);
    expect(add('late')).toBe(false);
    delayed.close();
  });

  it('delayed responses: do not outlive the shutdown', () => {
    const delayed = new DelayedResponses();
    let sent = 0;
    for (let count = 0; count < 100; count += 1) delayed.add('crm', () => (sent += 1));
    delayed.close();
    expect([sent, delayed.size, jest.getTimerCount()]).toEqual([100, 0, 0]);
    expect(delayed.add('crm', () => (sent += 1))).toBe(true);
    expect(sent).toBe(101);
  });
});

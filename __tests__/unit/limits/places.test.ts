import { FilePlaces } from '../../../server/limits/file-places';
import { UploadPlaces } from '../../../server/limits/upload-places';

describe('uploads that take no request slot', () => {
  it.each([
    [true, 16],
    [false, 8],
  ])('are bounded, signed %p: %d', (signed, most) => {
    const places = new UploadPlaces();
    const taken = Array.from({ length: 30 }, () => places.take(signed)).filter((leave) => leave !== undefined);
    expect(taken).toHaveLength(most);
    expect(places.take(!signed)).toBeDefined();
    taken[0]?.();
    taken[0]?.();
    expect([places.take(signed) !== undefined, places.take(signed)]).toEqual([true, undefined]);
  });
});

describe('files of one application', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  /** All places are taken; the functions give them back. */
  const full = () => {
    const places = new FilePlaces();
    const leave = Array.from({ length: 12 }, () => {
      expect(places.take(jest.fn())).toBe(true);
      return places.hold();
    });
    return { places, leave };
  };

  it('are sent in turn beyond a number', async () => {
    const { places, leave } = full();
    const waits = [places.take(jest.fn()), places.take(jest.fn())];
    expect(places.waiting).toBe(2);
    leave[0]?.();
    leave[0]?.();
    expect(await waits[0]).toBe(true);
    expect(places.waiting).toBe(1);
    leave[1]?.();
    expect(await waits[1]).toBe(true);
    for (const give of leave) give();
  });

  it('lose their turn when the visitor leaves', async () => {
    const { places, leave } = full();
    let gone: () => void = () => undefined;
    const left = places.take((listener) => (gone = listener));
    const next = places.take(jest.fn());
    gone();
    expect(await left).toBe(false);
    for (const give of leave) give();
    expect([await next, places.waiting]).toEqual([true, 0]);
  });

  it('that are read slowly hold their place for a second', async () => {
    const { places } = full();
    const wait = places.take(jest.fn());
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await wait).toBe(true);
  });

  it('are sent after the longest time, and take a place then', async () => {
    const places = new FilePlaces();
    for (let count = 0; count < 12; count += 1) expect(places.take(jest.fn())).toBe(true);
    const wait = places.take(jest.fn());
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await wait).toBe(true);
  });
});

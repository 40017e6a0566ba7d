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

  const A_PLACE = expect.any(Function) as () => void;

  /** All places are taken; the functions give them back. */
  const full = () => {
    const places = new FilePlaces();
    const leave = Array.from({ length: 12 }, () => {
      const taken = places.take(jest.fn());
      expect(taken).toEqual(A_PLACE);
      return taken as () => void;
    });
    return { places, leave };
  };

  it('are sent in turn beyond a number', async () => {
    const { places, leave } = full();
    const waits = [places.take(jest.fn()), places.take(jest.fn())];
    expect(places.waiting).toBe(2);
    leave[0]?.();
    leave[0]?.();
    leave.push((await waits[0]) as () => void);
    expect(leave.at(-1)).toEqual(A_PLACE);
    expect(places.waiting).toBe(1);
    leave[1]?.();
    leave.push((await waits[1]) as () => void);
    expect(leave.at(-1)).toEqual(A_PLACE);
    for (const give of leave) give();
  });

  it('lose their turn when the visitor leaves', async () => {
    const { places, leave } = full();
    let gone: () => void = () => undefined;
    const left = places.take((listener) => (gone = listener));
    const next = places.take(jest.fn());
    gone();
    expect(await left).toBeUndefined();
    for (const give of leave) give();
    const taken = await next;
    expect([taken, places.waiting]).toEqual([A_PLACE, 0]);
    taken?.();
  });

  it('that are read slowly hold their place for a second', async () => {
    const { places } = full();
    const wait = places.take(jest.fn());
    await jest.advanceTimersByTimeAsync(999);
    expect(places.waiting).toBe(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(await wait).toEqual(A_PLACE);
    await jest.advanceTimersByTimeAsync(1_000);
  });

  it('are sent after the longest time', async () => {
    const { places } = full();
    // Twelve of them have their turn in each second.
    const waits = Array.from({ length: 150 }, () => places.take(jest.fn()));
    await jest.advanceTimersByTimeAsync(9_999);
    expect(places.waiting).toBeGreaterThan(30);
    await jest.advanceTimersByTimeAsync(1);
    expect(places.waiting).toBe(0);
    expect(await Promise.all(waits.map(async (wait) => await wait))).toEqual(Array(150).fill(A_PLACE));
    await jest.advanceTimersByTimeAsync(1_000);
  });
});

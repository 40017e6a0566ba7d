import { FilePlaces } from '../../../server/limits/file-places';
import { UploadPlaces } from '../../../server/limits/upload-places';

describe('uploads that take no request slot', () => {
  it.each([
    [true, 16],
    [false, 4],
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

  const full = () => {
    const places = new FilePlaces();
    for (let count = 0; count < 12; count += 1) expect(places.take(jest.fn())).toBe(true);
    return places;
  };

  it('are sent in turn beyond a number', async () => {
    const places = full();
    const waits = [places.take(jest.fn()), places.take(jest.fn())];
    expect(places.waiting).toBe(2);
    places.leave();
    expect(await waits[0]).toBe(true);
    expect(places.waiting).toBe(1);
    places.leave();
    expect(await waits[1]).toBe(true);
  });

  it('lose their turn when the visitor leaves', async () => {
    const places = full();
    let leave: () => void = () => undefined;
    const left = places.take((listener) => (leave = listener));
    const next = places.take(jest.fn());
    leave();
    expect(await left).toBe(false);
    places.leave();
    expect([await next, places.waiting]).toEqual([true, 0]);
  });

  it('are sent after the longest time, and take a place then', async () => {
    const places = full();
    const wait = places.take(jest.fn());
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await wait).toBe(true);
    const next = places.take(jest.fn());
    places.leave();
    expect(places.waiting).toBe(1);
    places.leave();
    expect(await next).toBe(true);
  });
});

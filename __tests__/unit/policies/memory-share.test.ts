import { heapShare, rememberHeap, type HeapMemory } from '../../../src/policies/memory-share';

const MB = 2 ** 20;
const seen = (...samples: [running: number, mb: number][]): HeapMemory =>
  samples.reduce<HeapMemory>((memory, [running, mb]) => rememberHeap(memory, { running, bytes: mb * MB }), {});
const share = (...samples: [number, number][]) => {
  const bytes = heapShare(seen(...samples));
  return bytes === undefined ? undefined : bytes / MB;
};

describe('the share of an application in the memory', () => {
  it('is not known before the heap was seen with different numbers of applications', () => {
    expect(share()).toBeUndefined();
    expect(share([3, 300])).toBeUndefined();
    expect(share([3, 300], [3, 310])).toBeUndefined();
  });

  it('is an even share in what the heap has grown by', () => {
    expect(share([0, 250], [10, 310])).toBe(6);
    expect(share([2, 262], [4, 274])).toBe(6);
  });

  it('follows the latest look, and the latest of those with the fewest', () => {
    expect(share([0, 250], [10, 310], [20, 390])).toBe(7);
    expect(share([0, 250], [10, 310], [0, 270], [10, 340])).toBe(7);
    expect(share([5, 280], [10, 310], [0, 250], [10, 310])).toBe(6);
  });

  it('is not known where the heap has not grown, or nothing more runs than at the least', () => {
    expect(share([0, 250], [10, 240])).toBeUndefined();
    expect(share([0, 250], [10, 310], [0, 250])).toBeUndefined();
  });
});

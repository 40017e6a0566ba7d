/** The heap in use after a garbage collection, and how many applications ran then. */
export interface HeapSample {
  running: number;
  bytes: number;
}

/** What is remembered: the heap with the fewest applications that was seen, and the latest one. */
export interface HeapMemory {
  fewest?: HeapSample;
  latest?: HeapSample;
}

/** Of two with equally many, the later one counts: the main application's own part changes with time. */
export function rememberHeap({ fewest }: HeapMemory, sample: HeapSample): HeapMemory {
  return { fewest: fewest && fewest.running < sample.running ? fewest : sample, latest: sample };
}

/**
 * What one running application takes, in bytes: its even share in the growth of the heap. They live in one heap, in
 * which nobody can tell whose an object is. Undefined until the heap was seen with different numbers of them.
 */
export function heapShare({ fewest, latest }: HeapMemory): number | undefined {
  if (!fewest || !latest || latest.running <= fewest.running) return undefined;
  const share = (latest.bytes - fewest.bytes) / (latest.running - fewest.running);
  return share > 0 ? Math.round(share) : undefined;
}

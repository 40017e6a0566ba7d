import { constants, PerformanceObserver } from 'node:perf_hooks';
import { heapShare, rememberHeap, type HeapMemory } from '../../src/policies/memory-share';

/**
 * Looks at the heap after each full garbage collection, when it holds little but what is in use, together with how many
 * applications run. It never asks for a collection.
 */
export class HeapWatch {
  private memory: HeapMemory = {};
  private observer?: PerformanceObserver;

  constructor(private readonly running: () => number) {}

  start(): void {
    if (this.observer) return;
    this.observer = new PerformanceObserver((list) => {
      // The published types know neither of the two.
      const entries = list.getEntries() as unknown as { detail?: { kind?: number } }[];
      if (entries.some(({ detail }) => detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR)) this.look();
    });
    this.observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.observer?.disconnect();
    this.observer = undefined;
  }

  /** Bytes that one running application takes, as far as that can be known; null where it cannot. */
  get share(): number | null {
    return heapShare(this.memory) ?? null;
  }

  private look(): void {
    const sample = { running: this.running(), bytes: process.memoryUsage().heapUsed };
    this.memory = rememberHeap(this.memory, sample);
  }
}

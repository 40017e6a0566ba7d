import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { attributeGrowth, pressureOf, type HeapGrowth, type HeapPressure } from '../../src/policies/memory-pressure';
import { heapShare, rememberHeap, type HeapMemory } from '../../src/policies/memory-share';

/** What the watch needs of the process around it. */
export interface HeapWatchHost {
  /** How many applications run. */
  running(): number;
  /** The applications with requests since this time, in epoch milliseconds. */
  activeSince(time: number): string[];
  /** Called after a full collection that left the heap near its limit. */
  pressed(pressure: HeapPressure, growth: HeapGrowth): void;
}

/**
 * Looks at the heap after each full garbage collection, when it holds little but what is in use: how many applications run,
 * which were at work while it grew, and how near it is to its limit. It never asks for a collection.
 */
export class HeapWatch {
  private memory: HeapMemory = {};
  private growth: HeapGrowth = new Map();
  private former?: { bytes: number; at: number };
  private observer?: PerformanceObserver;

  constructor(
    private readonly host: HeapWatchHost,
    private readonly heapLimit: () => number = () => getHeapStatistics().heap_size_limit,
  ) {}

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
    const { host, former } = this;
    const bytes = process.memoryUsage().heapUsed;
    this.memory = rememberHeap(this.memory, { running: host.running(), bytes });
    if (former) this.growth = attributeGrowth(this.growth, former.bytes, bytes, host.activeSince(former.at));
    this.former = { bytes, at: Date.now() };
    const pressure = pressureOf(bytes, this.heapLimit());
    if (pressure !== 'none') host.pressed(pressure, this.growth);
  }
}

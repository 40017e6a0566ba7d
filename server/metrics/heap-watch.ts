import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { attributeGrowth, pressureOf, type HeapGrowth, type HeapPressure } from '../../src/policies/memory-pressure';
import { heapShare, rememberHeap, type HeapMemory } from '../../src/policies/memory-share';

/** As much of an application's runner as is asked here. */
export interface WatchedApp {
  readonly name: string;
  readonly state: string;
  readonly requestsInFlight: number;
  /** Epoch milliseconds. */
  readonly lastActiveAt: number;
}

/** As much of the sleeper as is asked here. */
export interface MemoryRelief {
  /** Whether an application does work of its own, such as a workflow. */
  isBusy(name: string): boolean;
  /** Called after a full collection that left the heap near its limit. */
  memoryPressed(pressure: HeapPressure, growth: HeapGrowth): void;
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

  /**
   * @param apps the applications of the process
   */
  constructor(
    private readonly apps: ReadonlyMap<string, WatchedApp>,
    private readonly relief: MemoryRelief,
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
    const apps = [...this.apps.values()];
    const { former } = this;
    const bytes = process.memoryUsage().heapUsed;
    this.memory = rememberHeap(this.memory, { running: apps.filter(({ state }) => state === 'running').length, bytes });
    if (former) this.growth = attributeGrowth(this.growth, former.bytes, bytes, this.activeSince(former.at, apps));
    this.former = { bytes, at: Date.now() };
    const pressure = pressureOf(bytes, this.heapLimit());
    if (pressure !== 'none') this.relief.memoryPressed(pressure, this.growth);
  }

  private activeSince(time: number, apps: readonly WatchedApp[]): string[] {
    return apps
      .filter((app) => app.requestsInFlight > 0 || app.lastActiveAt >= time || this.relief.isBusy(app.name))
      .map(({ name }) => name);
  }
}

import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { attributeGrowth, pressureOf, type HeapGrowth, type HeapPressure } from '../../src/policies/memory-pressure';
import { heapShare, rememberHeap, type HeapMemory } from '../../src/policies/memory-share';

/** As much of an application's runner as is asked here. */
export interface WatchedApp {
  readonly name: string;
  readonly state: string;
  readonly flight: {
    /** Milliseconds of all its requests together, since the process started. */
    readonly workMs: number;
    /** How many of its instances have ended. */
    readonly endings: number;
  };
}

/** An application as it was at a collection. */
interface Former {
  workMs: number;
  endings: number;
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
  private former?: { bytes: number; at: number; apps: ReadonlyMap<string, Former> };
  private observer?: PerformanceObserver;

  /** @param apps the applications of the process */
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
    if (former) {
      const known = new Map([...this.growth].filter(([name]) => !this.hasEnded(name, former.apps)));
      this.growth = attributeGrowth(known, former.bytes, bytes, this.workSince(former.at, former.apps));
    }
    const seen = apps.map(({ name, flight: { workMs, endings } }) => [name, { workMs, endings }] as const);
    this.former = { bytes, at: performance.now(), apps: new Map(seen) };
    const pressure = pressureOf(bytes, this.heapLimit());
    if (pressure !== 'none') this.relief.memoryPressed(pressure, this.growth);
  }

  /** What an instance held is free once it has ended. */
  private hasEnded(name: string, former: ReadonlyMap<string, Former>): boolean {
    return this.apps.get(name)?.flight.endings !== former.get(name)?.endings;
  }

  /** The milliseconds that each application was at work. Work of its own counts as one request. */
  private workSince(time: number, former: ReadonlyMap<string, Former>): Map<string, number> {
    const passed = performance.now() - time;
    const work = [...this.apps.values()].map(({ name, flight }) => {
      const before = former.get(name)?.workMs ?? 0;
      // An application that was made anew under its name counts from 0 again.
      const requests = flight.workMs - (before <= flight.workMs ? before : 0);
      return [name, requests + (this.relief.isBusy(name) ? passed : 0)] as const;
    });
    return new Map(work);
  }
}

import type { AppDescriptions, StateCounts } from './app-descriptions';
import type { SupervisorConfig } from './config';
import type { BootQueue } from './lifecycle/boot-queue';
import type { ProcessConnections } from './lifecycle/process-connections';
import { logFilesSummary, type LogHealthSummary } from './metrics/log-health';
import type { BootRecord, RecentBoots } from './metrics/recent-boots';
import type { Registry } from './registry';

/** What the figures of this process are read from. */
export interface MetricsHost {
  config: SupervisorConfig;
  registry: Registry;
  descriptions: AppDescriptions;
  connections: ProcessConnections;
  queue: BootQueue;
  boots: RecentBoots;
}

/** What the supervisor holds at this moment. A limit that is null is none. */
export interface SupervisorMetrics {
  /** ISO time. */
  at: string;
  applications: { total: number; states: StateCounts };
  running: { count: number; limit: number | null };
  /** In bytes; the limit is that of `rss`. */
  memory: { heapUsed: number; rss: number; limit: number | null };
  /** To the main application's database server; null where its database is a file. */
  connections: { used: number; limit: number } | null;
  queue: { waiting: number; booting: number; concurrency: number };
  /** The log files of main and of all applications. */
  logFiles: LogHealthSummary;
  /** Those that ended in the last hour, the earliest first. */
  boots: BootRecord[];
}

/** Read from memory alone: it may be asked every second. */
export function readMetrics(host: MetricsHost): SupervisorMetrics {
  const { config, queue } = host;
  const states = host.descriptions.countStates();
  const { heapUsed, rss } = process.memoryUsage();
  const connections = host.connections.snapshot([]);
  return {
    at: new Date().toISOString(),
    applications: { total: host.registry.size, states },
    running: { count: states.running ?? 0, limit: config.maxRunning || null },
    memory: { heapUsed, rss, limit: config.maxMemoryMb ? config.maxMemoryMb * 2 ** 20 : null },
    connections: connections
      ? { used: connections.main.inUse + connections.applications.inUse, limit: connections.limit }
      : null,
    queue: { waiting: queue.load.waiting, booting: queue.load.running, concurrency: config.bootConcurrency },
    logFiles: logFilesSummary(),
    boots: host.boots.list(),
  };
}

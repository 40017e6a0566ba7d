import { byLeastUse, heldBecause, type AppSnapshot, type IdleConfig } from './idle';

export interface EvictionConfig extends IdleConfig {
  /** How many applications may run at a time; 0 means any number. */
  maxRunning: number;
  /** How much memory the process may hold, in megabytes (RSS); 0 means any amount. */
  maxMemoryMb: number;
  /** Who was used within this time is not put to sleep for memory. */
  memoryQuietMs: number;
  /** After a round for memory, how long to wait for the memory to come back; doubled by each round that follows. */
  memoryPauseMs: number;
}

/** Relief ends when the memory is below this part of the limit. */
const LOW_WATER = 0.9;
/** The largest part of the running applications that one round for memory puts to sleep. */
const ROUND_SHARE = 0.1;
const MAX_PAUSE_MS = 10 * 60_000;

/** Where the relief from memory pressure stands between two looks. */
export interface MemoryRelief {
  /** Rounds since the limit was passed; 0 while there is no pressure. */
  rounds: number;
  /** Epoch milliseconds of the last one. */
  lastRoundAt: number;
}

export const NO_RELIEF: MemoryRelief = { rounds: 0, lastRoundAt: 0 };

export interface EvictionSnapshot {
  apps: readonly AppSnapshot[];
  /** Memory of the process in megabytes (RSS). */
  memoryMb: number;
  relief: MemoryRelief;
}

export interface Eviction {
  /** Who is to be put to sleep, in this order, and for which limit. */
  asleep: { name: string; reason: 'running-limit' | 'memory' }[];
  /** How many applications run above the limit because they may not be put to sleep now. */
  aboveLimit: number;
  relief: MemoryRelief;
}

/**
 * Who is put to sleep because a limit is reached: the least recently used first, and nobody who must stay awake
 * (`heldBecause`); applications that are forced awake above a limit are counted, and left alone.
 *
 * The running limit is kept exactly. Memory is not: a process gives it back late, or never, so a round takes a tenth
 * of the applications at most and then waits, longer each time, and leaves those in peace that were used just now.
 */
export function appsToEvict(snapshot: EvictionSnapshot, config: EvictionConfig, now: number): Eviction {
  const { apps, memoryMb } = snapshot;
  const running = apps.filter((app) => app.state === 'running');
  const taking = running.length + apps.filter((app) => app.state === 'booting' || app.state === 'creating').length;
  const candidates = running.filter((app) => heldBecause(app, config, now).length === 0).sort(byLeastUse);

  const excess = config.maxRunning > 0 ? Math.max(0, taking - config.maxRunning) : 0;
  const forLimit = candidates.slice(0, excess);
  const asleep: Eviction['asleep'] = forLimit.map(({ name }) => ({ name, reason: 'running-limit' }));
  const aboveLimit = excess - forLimit.length;

  const { rounds, lastRoundAt } = snapshot.relief;
  const limit = rounds > 0 ? config.maxMemoryMb * LOW_WATER : config.maxMemoryMb;
  if (config.maxMemoryMb === 0 || memoryMb <= limit) return { asleep, aboveLimit, relief: NO_RELIEF };
  const pause = rounds > 0 ? Math.min(config.memoryPauseMs * 2 ** Math.min(rounds - 1, 20), MAX_PAUSE_MS) : 0;
  // What sleeps for the running limit is a relief too.
  if (now - lastRoundAt < pause || asleep.length > 0) return { asleep, aboveLimit, relief: snapshot.relief };
  const share = Math.max(1, Math.floor(running.length * ROUND_SHARE));
  const quiet = candidates.filter((app) => now - app.lastActiveAt >= config.memoryQuietMs).slice(0, share);
  for (const { name } of quiet) asleep.push({ name, reason: 'memory' });
  const relief = quiet.length > 0 ? { rounds: rounds + 1, lastRoundAt: now } : snapshot.relief;
  return { asleep, aboveLimit, relief };
}

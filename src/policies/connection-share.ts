/** What a database server says about how many connections it accepts. */
export interface ServerCapacity {
  /** All connections that it accepts. */
  max: number;
  /** Of these, kept for superusers and the like. */
  reserved: number;
  /** How many our own user may have; absent where that is not limited. */
  forUser?: number;
}

/** At least so many connections, and at least this part of all, are left to others: backups, consoles, a second process. */
const HEAD_ROOM = { connections: 3, part: 0.2 };

/** How many connections this process allows itself where nobody says a number. */
export function automaticLimit({ max, reserved, forUser = Infinity }: ServerCapacity): number {
  const usable = Math.min(max - reserved, forUser);
  const headRoom = Math.max(HEAD_ROOM.connections, Math.ceil(usable * HEAD_ROOM.part));
  return Math.max(1, usable - headRoom);
}

/** One that holds connections, and the most that it may come to need at the same time. */
export interface Share {
  held: number;
  claim: number;
}

/**
 * Whether all can come to their end, one after the other, even if each of them first needs all that it may claim:
 * whoever ends gives back what it held. Only then nobody waits for ever for a further connection while the others hold
 * theirs and wait for the same (Dijkstra's banker, with one kind of resource).
 */
export function canAllEnd(free: number, shares: readonly Share[]): boolean {
  const needs = shares
    .filter(({ held }) => held > 0)
    .map(({ held, claim }) => ({ held, need: Math.max(0, claim - held) }))
    .sort((a, b) => a.need - b.need);
  let left = free;
  for (const { held, need } of needs) {
    if (need > left) return false;
    left += held;
  }
  return true;
}

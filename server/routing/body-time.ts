import type { Server } from 'node:http';
import { coreServer } from '../core';

/** At 46 Mbit a second that is enough for the largest archive that is taken by default (20 GB). */
const HOUR_MS = 3_600_000;

/**
 * How long a request may take to arrive as a whole: an hour. NocoBase leaves it at Node's own five minutes, after which
 * the upload of a large file is cut with 408. The headers keep their time, which is shorter.
 */
export class BodyTime {
  private changed?: { server: Server; before: number };

  constructor(private readonly find: () => Server | undefined = coreServer) {}

  /** Somebody's longer time stays, as does 0: no limit. May be repeated, where the server comes later. */
  extend(): void {
    const server = this.find();
    if (!server || server.requestTimeout === 0 || server.requestTimeout >= HOUR_MS) return;
    this.changed = { server, before: server.requestTimeout };
    server.requestTimeout = HOUR_MS;
  }

  /** What somebody has set since then stays. */
  giveBack(): void {
    if (this.changed?.server.requestTimeout === HOUR_MS) this.changed.server.requestTimeout = this.changed.before;
    this.changed = undefined;
  }
}

import { randomBytes } from 'node:crypto';
import { AppError } from '../../src/errors';
import type { Actor } from '../../src/events';

/** Long enough for a browser that asks where to save the file. */
const VALID_MS = 60_000;
const MAX_TICKETS = 1_000;

interface Ticket {
  archive: string;
  by: Actor;
  until: number;
}

/**
 * Tickets by which a browser downloads an archive by itself: it sends no token with a link. A ticket is for one archive, is
 * valid for a minute, and is known to this process only.
 */
export class DownloadTickets {
  private readonly tickets = new Map<string, Ticket>();

  constructor(private readonly now: () => number = Date.now) {}

  /** @returns the ticket, and until when it is valid in epoch milliseconds */
  issue(archive: string, by: Actor): { ticket: string; until: number } {
    const now = this.now();
    for (const [ticket, { until }] of this.tickets) {
      if (until <= now || this.tickets.size >= MAX_TICKETS) this.tickets.delete(ticket);
    }
    const ticket = randomBytes(32).toString('base64url');
    const until = now + VALID_MS;
    this.tickets.set(ticket, { archive, by, until });
    return { ticket, until };
  }

  /** The archive of a ticket, and the caller that asked for it. @throws APP_DOWNLOAD_EXPIRED */
  resolve(ticket: unknown): { archive: string; by: Actor } {
    const found = typeof ticket === 'string' ? this.tickets.get(ticket) : undefined;
    if (!found || found.until <= this.now()) throw new AppError('APP_DOWNLOAD_EXPIRED');
    return found;
  }
}

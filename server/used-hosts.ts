import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
import type { Application } from '@nocobase/server';
import { normalizeHost } from '../src/host-name';
import { requestHost } from './client-address';
import { writeWholeFile } from './lifecycle/whole-file';

/** Users choose the `Host` header: the hosts that were used last are kept. */
const MAX_HOSTS = 100;
/** A host that users left this long ago may become the domain of an application. */
const KEPT_MS = 7 * 86_400_000;
/** How often the use of a known host is noted, and how often it is written down. */
const NOTE_EVERY_MS = 60_000;
const WRITE_EVERY_MS = 3_600_000;

/**
 * The hosts by which signed-in users have reached the main application. They outlive the process, in a file of the main
 * application: its users would lose a host that an application takes, and show their tokens to its pages.
 */
export class UsedHosts {
  /** Epoch milliseconds of the last use by host, the latest last. */
  private readonly uses = new Map<string, number>();
  /** The headers that were noted lately, so that most requests cost a look into a map. */
  private readonly noted = new Map<string, number>();
  private writtenAt = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly warn: (error: unknown) => void,
    private readonly now: () => number = Date.now,
  ) {
    try {
      const stored = JSON.parse(readFileSync(file, 'utf8')) as unknown;
      for (const [host, at] of Object.entries(stored as object)) {
        if (typeof at === 'number' && normalizeHost(host) === host) this.uses.set(host, at);
      }
    } catch {
      // None yet.
    }
  }

  /** A signed-in user has reached the main application by this host, as it came. */
  note(given: string | undefined): void {
    const now = this.now();
    if (given === undefined || now - (this.noted.get(given) ?? -Infinity) < NOTE_EVERY_MS) return;
    if (this.noted.size >= MAX_HOSTS) this.noted.clear();
    this.noted.set(given, now);
    const host = normalizeHost(given);
    if (host === undefined) return;
    const isNew = !this.uses.has(host);
    this.uses.delete(host);
    this.uses.set(host, now);
    const [oldest] = this.uses.keys();
    if (this.uses.size > MAX_HOSTS && oldest !== undefined) this.uses.delete(oldest);
    if (isNew || now - this.writtenAt >= WRITE_EVERY_MS) this.write(now);
  }

  /** Those of the last days. */
  *recent(): Iterable<string> {
    const since = this.now() - KEPT_MS;
    for (const [host, at] of this.uses) if (at >= since) yield host;
  }

  /** Resolves when everything that was noted is written. */
  written(): Promise<void> {
    return this.writing;
  }

  private write(now: number): void {
    this.writtenAt = now;
    const content = JSON.stringify(Object.fromEntries(this.uses));
    this.writing = this.writing.then(() => writeWholeFile(this.file, content)).catch(this.warn);
  }
}

/** Notes the host of each request to the main application that comes with a valid token. */
export function noteUsedHosts(app: Application, hosts: UsedHosts, trusted: BlockList): void {
  const note = (ctx: { req: IncomingMessage; state: { currentUser?: unknown } }, next: () => Promise<void>) => {
    if (ctx.state.currentUser) hosts.note(requestHost(ctx.req, trusted));
    return next();
  };
  app.resourceManager.use(note as never, { tag: 'app-supervisor:hosts', after: 'auth' });
}

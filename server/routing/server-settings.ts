import { maxHeaderSize, type Server } from 'node:http';
import { coreServer } from '../core';
import type { SizeConfig } from '../size-config';

/** At 46 Mbit a second that is enough for the largest archive that is taken by default (20 GB). */
const HOUR_MS = 3_600_000;
/** Node must wait longer for headers than for the next request, or it closes a connection that was just used. */
const HEADERS_MARGIN_MS = 1_000;

type SettingName = 'requestTimeout' | 'keepAliveTimeout' | 'headersTimeout' | 'maxHeaderSize';

/** `@types/node` names the option of the constructor only. Node reads the property at each new connection. */
type AdjustableServer = Server & { maxHeaderSize?: number };

interface Change {
  name: SettingName;
  before: number | undefined;
  after: number;
}

/**
 * Raises settings of NocoBase's HTTP server while the plugin is enabled, and gives them back afterwards: the time that
 * a body may take (large uploads), the time that an idle connection stays open (proxies keep theirs for longer than
 * Node's five seconds, and answer 502 if NocoBase closes first), and the size of the headers (every application that a
 * browser signs in to adds its cookies).
 */
export class ServerSettings {
  private changed?: { server: AdjustableServer; changes: Change[] };

  constructor(
    private readonly sizes: Pick<SizeConfig, 'keepAliveMs' | 'headerBytes'>,
    private readonly find: () => Server | undefined = coreServer,
  ) {}

  /** How long a body may take by the setting that was found, in milliseconds; 0 means any time. */
  get formerRequestTimeoutMs(): number {
    const change = this.changed?.changes.find(({ name }) => name === 'requestTimeout');
    return change?.before ?? this.find()?.requestTimeout ?? 0;
  }

  /** A larger value that was set by others stays, as does 0: no limit. May be repeated, where the server comes later. */
  raise(): void {
    const server: AdjustableServer | undefined = this.find();
    if (!server || this.changed?.server === server) return;
    this.changed = { server, changes: [] };
    this.raiseTo('requestTimeout', HOUR_MS);
    this.raiseTo('keepAliveTimeout', this.sizes.keepAliveMs);
    if (server.keepAliveTimeout > 0) this.raiseTo('headersTimeout', server.keepAliveTimeout + HEADERS_MARGIN_MS);
    this.raiseTo('maxHeaderSize', this.sizes.headerBytes);
  }

  /** A value that was set by others since then stays. */
  giveBack(): void {
    const { server, changes = [] } = this.changed ?? {};
    this.changed = undefined;
    if (!server) return;
    for (const { name, before, after } of changes) {
      if (server[name] === after) (server as { [key in SettingName]: number | undefined })[name] = before;
    }
  }

  private raiseTo(name: SettingName, after: number): void {
    const { server, changes } = this.changed ?? {};
    if (!server || !changes) return;
    const before = server[name];
    // Without a size of its own a server takes the one of the process. A time of 0 means no limit.
    const current = name === 'maxHeaderSize' ? before || maxHeaderSize : before || Infinity;
    if (current >= after) return;
    server[name] = after;
    changes.push({ name, before, after });
  }
}

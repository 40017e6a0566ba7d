import { normalizeHost } from '../../src/host-name';
import { matchHost, type AppLookup, type HostConfig } from '../../src/policies/host-match';

/** What is known of the applications, and a number that changes whenever that does. */
export interface VersionedLookup extends AppLookup {
  version: number;
}

/** Visitors choose the `Host` header: what is remembered of it is bounded, and forgotten as a whole. */
const MAX_HOSTS = 500;

/**
 * The hosts that decide nothing, as the main application's own address does not. Nearly every request comes by one of
 * few hosts, and to normalize and match it is most of what routing costs.
 */
export class MainHosts {
  private readonly known = new Map<string, boolean>();
  private version?: number;

  constructor(
    private readonly config: HostConfig,
    private readonly apps: VersionedLookup,
  ) {}

  /** `host`: the `Host` header as it came. */
  has(host: string): boolean {
    if (this.version !== this.apps.version) {
      this.known.clear();
      this.version = this.apps.version;
    }
    const known = this.known.get(host);
    if (known !== undefined) return known;
    const normalized = normalizeHost(host);
    const decidesNothing = normalized === undefined || matchHost(normalized, this.config, this.apps) === undefined;
    if (this.known.size >= MAX_HOSTS) this.known.clear();
    this.known.set(host, decidesNothing);
    return decidesNothing;
  }

  get size(): number {
    return this.known.size;
  }
}

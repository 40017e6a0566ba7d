import { quotable } from '../src/app-name';
import { domainsOf, type AppRecord } from '../src/app-record';
import { AppError } from '../src/errors';
import { isLoopback } from '../src/host-address';
import { normalizeDomain, normalizeHost } from '../src/host-name';
import type { HostConfig } from '../src/policies/host-match';

/** Operators use few addresses; the bound keeps a caller with many from filling the memory. */
const MAX_KNOWN_HOSTS = 100;
const WWW = 'www.';

interface DomainCheckHost {
  readonly config: HostConfig;
  /** All applications that occupy a domain, also removed ones and those that are being created. */
  records(): Iterable<AppRecord>;
  /** Hosts by which users have reached the main application lately. */
  usedHosts(): Iterable<string>;
}

/** Checks the custom domains that an application asks for. */
export class DomainCheck {
  /** Hosts by which operators have reached the main application in this process. */
  private readonly operatorHosts = new Set<string>();

  /** Domains that a creation or an update is writing into the row of an application. */
  private readonly held = new Set<{ owner: string; domains: readonly string[] }>();

  constructor(private readonly host: DomainCheckHost) {}

  /** Remembers a host by which an operator called the main application. */
  noteOperatorHost(given: string | undefined): void {
    const host = normalizeHost(given);
    if (host !== undefined && this.operatorHosts.size < MAX_KNOWN_HOSTS) this.operatorHosts.add(host);
  }

  /**
   * Keeps domains for an application until its row is written. Of two that ask for the same one at once, the second finds
   * it taken.
   * @returns gives them back; may be called again
   * @throws APP_DOMAIN_TAKEN, APP_DOMAIN_MAIN
   */
  hold(domains: readonly string[], owner: string): () => void {
    this.assertFree(domains, owner);
    const held = { owner, domains };
    if (domains.length > 0) this.held.add(held);
    return () => void this.held.delete(held);
  }

  /**
   * @param self the application that asks; its own domains are free for it
   * @throws APP_DOMAIN_TAKEN, APP_DOMAIN_MAIN
   */
  assertFree(domains: readonly string[], self?: string): void {
    for (const domain of domains) {
      this.assertNoBaseDomain(domain);
      this.assertNotMains(domain);
      const owner = this.ownerOf(domain, self);
      if (owner !== undefined) throw new AppError('APP_DOMAIN_TAKEN', { domain, owner });
    }
  }

  /**
   * One domain as a person types it.
   * @param self the application that asks, if it exists
   * @returns the domain as it is stored
   * @throws APP_DOMAIN_INVALID, APP_DOMAIN_TAKEN, APP_DOMAIN_MAIN
   */
  examine(given: string, self?: string): string {
    const domain = normalizeDomain(given);
    if (domain === undefined) throw new AppError('APP_DOMAIN_INVALID', { domain: quotable(given) });
    this.assertFree([domain], self);
    return domain;
  }

  /** Another application with this domain, or with the one that visitors take for the same: with or without `www.`. */
  private ownerOf(domain: string, self: string | undefined): string | undefined {
    const twin = domain.startsWith(WWW) ? domain.slice(WWW.length) : `${WWW}${domain}`;
    const hasOne = (domains: readonly string[]) => domains.includes(domain) || domains.includes(twin);
    for (const record of this.host.records()) {
      if (record.name !== self && hasOne(domainsOf(record))) return record.name;
    }
    for (const { owner, domains } of this.held) if (owner !== self && hasOne(domains)) return owner;
    return undefined;
  }

  /** A base domain is the main application's address; a label below it is the address of the application of that name. */
  private assertNoBaseDomain(domain: string): void {
    const { baseDomains } = this.host.config;
    const base = baseDomains.find((known) => domain === known || domain.endsWith(`.${known}`));
    if (base === undefined) return;
    const label = domain === base ? 'main' : domain.slice(0, -base.length - 1);
    // A deeper name is no application's address by itself.
    if (!label.includes('.')) throw new AppError('APP_DOMAIN_TAKEN', { domain, owner: label });
  }

  /**
   * A domain by which the main application is reached would be lost for it. So would a host below the domain, unless
   * the configuration names it as one of the main application's. Names of this machine reach the main application, but
   * for those below a base domain of its own (`localhost` in a trial).
   */
  private assertNotMains(domain: string): void {
    const { mainHosts } = this.host.config;
    const isMain = mainHosts.has(domain) || (isLoopback(domain) && !this.isBelowBaseDomain(domain));
    if (isMain) throw new AppError('APP_DOMAIN_MAIN', { domain });
    // A configuration names all hosts of the main application; users may have tried others.
    const used = mainHosts.size === 0 ? this.host.usedHosts() : [];
    for (const host of [...this.operatorHosts, ...used]) {
      const lost = host === domain || (host.endsWith(`.${domain}`) && !mainHosts.has(host));
      if (lost && !this.isBelowBaseDomain(host)) throw new AppError('APP_DOMAIN_MAIN', { domain });
    }
  }

  /** Routing never gives such a host to the owner of a custom domain. */
  private isBelowBaseDomain(host: string): boolean {
    return this.host.config.baseDomains.some((base) => host === base || host.endsWith(`.${base}`));
  }
}

import type { Application } from '@nocobase/server';
import { domainsOf, recordFromRow, type AppRecord } from '../src/app-record';
import type { AppLookup } from '../src/policies/host-match';

export const COLLECTION = 'applications';

type Row = Record<string, unknown>;

/**
 * The registered applications, in memory: what routing decides by on every request, without a query. It outlives the
 * reload of the main application, during which it goes on answering as before.
 */
export class Registry implements AppLookup {
  private records = new Map<string, AppRecord>();
  /** Those in the recycle bin: nobody reaches them, and what they occupy stays theirs. */
  private bin = new Map<string, AppRecord>();
  private domains = new Map<string, string>();
  private changes = 0;

  /** @param onChange must not throw */
  constructor(private readonly onChange: () => void = () => undefined) {}

  /** Another number after each change of names or domains. */
  get version(): number {
    return this.changes;
  }

  get size(): number {
    return this.records.size;
  }

  has(name: string): boolean {
    return this.records.has(name);
  }

  get(name: string): AppRecord | undefined {
    return this.records.get(name);
  }

  all(): Iterable<AppRecord> {
    return this.records.values();
  }

  removed(): Iterable<AppRecord> {
    return this.bin.values();
  }

  /** A removed one, too. */
  find(name: string): AppRecord | undefined {
    return this.records.get(name) ?? this.bin.get(name);
  }

  /** All that occupy a name, a domain or a database. */
  everyone(): AppRecord[] {
    return [...this.records.values(), ...this.bin.values()];
  }

  /** The application that owns a custom domain; one in the recycle bin keeps it. */
  byDomain(host: string): string | undefined {
    return this.domains.get(host);
  }

  put(record: AppRecord): void {
    this.delete(record.name);
    this.changes += 1;
    this.onChange();
    if (record.removedAt === undefined) this.records.set(record.name, record);
    else this.bin.set(record.name, record);
    for (const domain of domainsOf(record)) {
      // A row that was written past the checks may name the domain of another one: a removed application takes none away.
      const owner = this.domains.get(domain);
      if (record.removedAt === undefined || owner === undefined) this.domains.set(domain, record.name);
    }
  }

  delete(name: string): void {
    const record = this.find(name);
    this.onChange();
    if (!record) return;
    this.changes += 1;
    this.records.delete(name);
    this.bin.delete(name);
    for (const domain of domainsOf(record)) if (this.domains.get(domain) === name) this.domains.delete(domain);
  }

  clear(): void {
    this.changes += 1;
    this.records.clear();
    this.bin.clear();
    this.domains.clear();
  }

  /** Replaces everything by what the table holds; readers see the old or the new whole. */
  async load(mainApp: Application): Promise<void> {
    // Pictures stay in the table.
    const attributes = { exclude: ['iconImage'] };
    const rows = (await mainApp.db.getModel(COLLECTION).findAll({ raw: true, attributes })) as unknown as Row[];
    const fresh = new Registry();
    for (const row of rows) fresh.put(recordFromRow(withParsedJson(row)));
    this.changes += 1;
    this.records = fresh.records;
    this.bin = fresh.bin;
    this.domains = fresh.domains;
  }
}

/** Raw rows carry JSON columns as text on the databases that have no JSON type. */
function withParsedJson(row: Row): Row {
  const parsed = { ...row };
  for (const field of ['options', 'provisioning', 'removal', 'limits', 'domains']) {
    const value = parsed[field];
    if (typeof value !== 'string') continue;
    try {
      parsed[field] = JSON.parse(value);
    } catch {
      parsed[field] = null;
    }
  }
  return parsed;
}

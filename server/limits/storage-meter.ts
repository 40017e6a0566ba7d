import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import type { AppRecord } from '../../src/app-record';
import type { AppState } from '../../src/app-state';
import { maxStorageBytes, type Limits } from '../../src/policies/limits';
import { ownUploads, uploadsFolder } from '../lifecycle/upload-folders';

const MEASURE_EVERY_MS = 60_000;

export interface StorageHost {
  readonly registry: { get(name: string): AppRecord | undefined; all(): Iterable<AppRecord> };
  /** `size`: bytes of an application's database; null if that cannot be known now. */
  readonly places: { size(record: AppRecord): Promise<number | null> };
  readonly runners: ReadonlyMap<string, { readonly state: AppState }>;
}

interface Measured {
  databaseBytes: number;
  fileBytes: number;
  /** Uploads since then. */
  addedBytes: number;
  at: number;
}

/**
 * The storage of the applications that have a limit for it: their database, the files in their own upload folder and
 * their backups. It is measured in the background, one application at a time, once a minute while the application runs.
 * Between two measurements, uploads count by the size that their requests name.
 */
export class StorageMeter {
  private readonly measured = new Map<string, Measured>();
  private readonly measuring = new Map<string, Promise<void>>();
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly host: StorageHost,
    private readonly limitsOf: (name: string) => Limits,
  ) {}

  /** Begins with the first upload to an application with a limit, and ends when there is none. */
  private start(): void {
    this.timer ??= setInterval(() => void this.measureAll(), MEASURE_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Bytes in use, as far as they are known. */
  usage(name: string): number | undefined {
    const known = this.measured.get(name);
    return known && known.databaseBytes + known.fileBytes + known.addedBytes;
  }

  /**
   * Whether an upload of this size exceeds the limit; false without a limit, and if the storage cannot be measured.
   * The first question after the start of the process waits for a measurement.
   */
  async exceeds(name: string, uploadBytes: number): Promise<boolean> {
    const max = maxStorageBytes(this.limitsOf(name));
    if (max === Infinity) return false;
    this.start();
    if (!this.measured.has(name)) await this.measure(name);
    const used = this.usage(name);
    return used !== undefined && used + uploadBytes > max;
  }

  /** An upload of this size was accepted. */
  add(name: string, uploadBytes: number): void {
    const known = this.measured.get(name);
    if (known) known.addedBytes += uploadBytes;
  }

  forget(name: string): void {
    this.measured.delete(name);
  }

  /** Measures one application; one measurement serves all that wait for it. Never rejects. */
  measure(name: string): Promise<void> {
    const running = this.measuring.get(name);
    if (running) return running;
    const work = this.measureNow(name)
      .catch(() => undefined)
      .finally(() => this.measuring.delete(name));
    this.measuring.set(name, work);
    return work;
  }

  private async measureNow(name: string): Promise<void> {
    const record = this.host.registry.get(name);
    if (!record) return;
    const before = this.measured.get(name)?.addedBytes ?? 0;
    const [databaseBytes, fileBytes] = await Promise.all([this.host.places.size(record), sizeOfFiles(record)]);
    if (databaseBytes === null) return;
    const since = (this.measured.get(name)?.addedBytes ?? 0) - before;
    this.measured.set(name, { databaseBytes, fileBytes, addedBytes: Math.max(0, since), at: Date.now() });
  }

  private async measureAll(): Promise<void> {
    const limited = [...this.host.registry.all()].filter(({ name }) => this.limitsOf(name).storage > 0);
    if (limited.length === 0) this.stop();
    for (const { name } of limited) {
      if (this.host.runners.get(name)?.state === 'running') await this.measure(name);
    }
  }
}

/** Bytes of an application's uploads and backups, also of those under way. Links are not followed. */
export async function sizeOfFiles(record: AppRecord): Promise<number> {
  const own = ownUploads(record);
  const folders = [storagePathJoin('backups', record.name), storagePathJoin('tmp', 'backups', record.name)];
  if (own !== undefined) folders.push(path.join(uploadsFolder(), own));
  const sizes = await Promise.all(folders.map(sizeOf));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const found = path.join(folder, entry.name);
    if (entry.isDirectory()) bytes += await sizeOf(found);
    else if (entry.isFile())
      bytes += await lstat(found)
        .then(({ size }) => size)
        .catch(() => 0);
  }
  return bytes;
}

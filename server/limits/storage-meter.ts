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

/** An upload that is under way. */
export interface StoredUpload {
  /** More of it has arrived than was known. False if the limit is exceeded now. */
  grow(bytes: number): boolean;
  /** The first call counts. `isStored`: the file is there now, and counts until the next measurement. */
  end(isStored: boolean): void;
}

/** An upload, as it counts. */
interface Pending {
  /** Bytes of its request, as far as they are known. */
  size: number;
  /** Bytes of it that the last measurement found on the disk. */
  measured: number;
  /** Bytes that have arrived. */
  arrived(): number;
}

const notMeasured = ({ size, measured }: Pending) => Math.max(0, size - measured);

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
 * Between two measurements, uploads count by the size of their requests, from their beginning on.
 */
export class StorageMeter {
  private readonly measured = new Map<string, Measured>();
  /** The uploads that are under way. */
  private readonly pending = new Map<string, Set<Pending>>();
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
    if (!known) return undefined;
    let bytes = known.databaseBytes + known.fileBytes + known.addedBytes;
    for (const upload of this.pending.get(name) ?? []) bytes += notMeasured(upload);
    return bytes;
  }

  /**
   * Begins an upload of this size, unless it exceeds the limit; it does not without a limit, and if the storage cannot be
   * measured. The first question after the start of the process waits for a measurement.
   * @param arrived bytes that have arrived so far; asked at each measurement, which finds them on the disk
   * @returns the upload, which must be ended; undefined if it exceeds the limit
   */
  async begin(name: string, bytes: number, arrived: () => number = () => 0): Promise<StoredUpload | undefined> {
    if (this.limitsOf(name).storage > 0) {
      this.start();
      if (!this.measured.has(name)) await this.measure(name);
    }
    // Nothing is awaited between the decision and the reservation.
    if (this.isExceeded(name, bytes)) return undefined;
    const upload: Pending = { size: bytes, measured: 0, arrived };
    const uploads = this.pending.get(name) ?? new Set();
    this.pending.set(name, uploads.add(upload));
    const grow = (more: number) => {
      // What comes after the file was stored, or was refused, is no part of it.
      if (!uploads.has(upload)) return true;
      upload.size += more;
      return !this.isExceeded(name);
    };
    const end = (isStored: boolean) => {
      if (!uploads.delete(upload)) return;
      if (uploads.size === 0 && this.pending.get(name) === uploads) this.pending.delete(name);
      const known = this.measured.get(name);
      if (known && isStored) known.addedBytes += notMeasured(upload);
    };
    return { grow, end };
  }

  private isExceeded(name: string, more = 0): boolean {
    const used = this.usage(name);
    return used !== undefined && used + more > maxStorageBytes(this.limitsOf(name));
  }

  forget(name: string): void {
    this.measured.delete(name);
    this.pending.delete(name);
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
    // What arrives later may not be on the disk yet when its folder is read.
    const uploads = [...(this.pending.get(name) ?? [])].map((upload) => ({ upload, arrived: upload.arrived() }));
    const [databaseBytes, fileBytes] = await Promise.all([this.host.places.size(record), sizeOfFiles(record)]);
    if (databaseBytes === null) return;
    for (const { upload, arrived } of uploads) upload.measured = Math.min(upload.size, arrived);
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

/** Bytes of an application's uploads, of its backups, also of those under way, and of the texts of its documents. Links are not followed. */
export async function sizeOfFiles(record: AppRecord): Promise<number> {
  const own = ownUploads(record);
  const folders = [
    storagePathJoin('backups', record.name),
    storagePathJoin('tmp', 'backups', record.name),
    storagePathJoin('tmp', 'documents', record.name),
  ];
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

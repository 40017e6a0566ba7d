import type { Application } from '@nocobase/server';

/** What an engine of `multer` is given, and gives back. */
type Done = (error?: unknown, info?: object) => void;

export interface UploadEngine {
  _handleFile(req: object, file: object, done: Done): void;
  /** Of an engine that writes to the disk: the name of the file. */
  getFilename?(req: object, file: object, done: (error: unknown, filename?: string) => void): void;
  _removeFile?(req: object, file: object, done: Done): void;
}

/** A storage as the file manager's cache holds it: variables are filled in. */
export interface StorageConfig {
  settings?: unknown;
  path?: unknown;
  options?: { documentRoot?: unknown } & Record<string, unknown>;
}

/** A row of a table of files, or its values. */
export interface FileRecord {
  path?: unknown;
  filename?: unknown;
}

/** An instance of the file manager's class for storages of one kind. */
export interface StorageDriver {
  readonly storage: StorageConfig;
  make(): UploadEngine;
  exists(record: FileRecord): Promise<boolean>;
  copy(source: FileRecord, target: FileRecord): Promise<void>;
  delete(records: FileRecord[]): Promise<[number, FileRecord[]]>;
  getFileStream(file: FileRecord, options?: unknown): Promise<unknown>;
}

export type StorageClass = new (storage: StorageConfig) => StorageDriver;

interface StorageTypes {
  /** The registry has no method that replaces an entry. */
  map?: Map<string, StorageClass>;
}

/**
 * Replaces a storage class in the file manager of one instance.
 * @returns false if the instance has no such class, or keeps its classes in another way
 */
export function replaceStorageClass(app: Application, type: string, by: (base: StorageClass) => StorageClass): boolean {
  const plugin = app.pm.get('file-manager') as { storageTypes?: StorageTypes } | undefined;
  const classes = plugin?.storageTypes?.map;
  const base = classes instanceof Map ? classes.get(type) : undefined;
  if (!classes || typeof base !== 'function') return false;
  classes.set(type, by(base));
  return true;
}

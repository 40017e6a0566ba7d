import { existsSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * What is computed once a process about installed packages. Each entry carries the stamp of the package it was computed
 * from, as it lay on the disk then; an entry whose package has another stamp by now counts as missing.
 */
export class PackageMemo<T> {
  private readonly entries = new Map<string, { stamp: string; value: Promise<T> }>();

  /** @param limit the most entries that are kept; the oldest goes first */
  constructor(private readonly limit: number) {
    memos.add(this);
  }

  /**
   * The value of this key, computed by one caller for all. Without a stamp nothing is remembered; neither is a failure.
   */
  get(key: string, stamp: string | undefined, compute: () => Promise<T>): Promise<T> {
    const known = this.entries.get(key);
    if (stamp !== undefined && known?.stamp === stamp) return known.value;
    this.entries.delete(key);
    const value = compute();
    if (stamp === undefined) return value;
    const entry = { stamp, value };
    this.entries.set(key, entry);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.limit) break;
      this.entries.delete(oldest);
    }
    value.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    return value;
  }

  clear(): void {
    this.entries.clear();
  }

  get size(): number {
    return this.entries.size;
  }
}

const memos = new Set<PackageMemo<unknown>>();
const descriptions = new Map<string, string>();

/** Forgets everything that is known of installed packages. */
export function forgetPackages(): void {
  for (const memo of memos) memo.clear();
  descriptions.clear();
}

/**
 * Changes whenever the package that this folder belongs to is installed, updated, or linked to another place; undefined
 * where there is none. Identity, size and time of change of its `package.json`: the time of change cannot be set by
 * whoever unpacks a package, unlike the time of modification.
 * @param folder a package's folder, or one below it
 */
export function packageStamp(folder: string): string | undefined {
  const known = descriptions.get(folder);
  const found = known && fileStamp(known);
  if (found) return found;
  const file = describedBy(folder);
  if (file === undefined) return undefined;
  descriptions.set(folder, file);
  return fileStamp(file);
}

/** The stamp of an installed package by its name. */
export function packageStampOf(packageName: string): string | undefined {
  const modules = process.env.NODE_MODULES_PATH;
  return modules ? fileStamp(path.resolve(modules, packageName, 'package.json')) : undefined;
}

export function fileStamp(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found && `${file} ${found.dev} ${found.ino} ${found.size} ${found.ctimeMs}`;
}

function describedBy(folder: string): string | undefined {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const file = path.join(at, 'package.json');
    if (existsSync(file)) return file;
    if (path.dirname(at) === at || path.basename(at) === 'node_modules') return undefined;
  }
}

/** What an application's database says about the versions that last brought it up to date. */
export interface StoredVersions {
  /** Of NocoBase; null when none is written, as after an upgrade that was cut off at its very end. */
  core: string | null;
  /** The enabled plugins that name their package. */
  plugins: readonly StoredPlugin[];
}

export interface StoredPlugin {
  packageName: string;
  version: string | null;
}

/** What is installed in this process. */
export interface InstalledVersions {
  core: string;
  /** By package name; a package that is not there has none, and nothing can be said about it. */
  plugins: ReadonlyMap<string, string>;
}

export interface VersionChange {
  packageName: string;
  from: string | null;
  to: string;
}

/**
 * - `current`: nothing to do.
 * - `behind`: NocoBase, or one of the application's plugins, is newer here than what the database was brought up to.
 * - `newer`: the database belongs to a newer NocoBase than this one. Older code must not run on it; the core itself
 *   would not notice, and write its own lower version over the higher one.
 * - `not_installed`: there is nothing to upgrade yet.
 */
export type UpgradeState = 'current' | 'behind' | 'newer' | 'not_installed';

export interface UpgradeVerdict {
  state: UpgradeState;
  /** NocoBase's version in the database, and in this process. */
  from: string | null;
  to: string;
  /** The plugins that are newer here. */
  plugins: VersionChange[];
  /**
   * The plugins that are older here than what the database was brought up to, as after a plugin was taken back. That
   * is no reason to refuse an application whose main application runs with the same package; nothing is migrated.
   */
  ahead: VersionChange[];
}

/** Compares what a database holds (undefined: nothing is installed in it) with what is installed here. */
export function compareVersions(stored: StoredVersions | undefined, installed: InstalledVersions): UpgradeVerdict {
  const verdict = { from: stored?.core ?? null, to: installed.core, plugins: [], ahead: [] };
  if (!stored) return { ...verdict, state: 'not_installed' };
  const core = orderOf(stored.core, installed.core);
  if (core > 0) return { ...verdict, state: 'newer' };
  const changes = stored.plugins.flatMap(({ packageName, version }) => {
    const to = installed.plugins.get(packageName);
    return to === undefined ? [] : [{ packageName, from: version, to, order: orderOf(version, to) }];
  });
  const ordered = (sign: number) =>
    changes
      .filter(({ order }) => Math.sign(order) === sign)
      .map(({ packageName, from, to }) => ({ packageName, from, to }));
  const plugins = ordered(-1);
  return { ...verdict, plugins, ahead: ordered(1), state: core < 0 || plugins.length ? 'behind' : 'current' };
}

/** Negative when `stored` is older; what is missing or cannot be read counts as older, since an upgrade writes it anew. */
function orderOf(stored: string | null, installed: string): number {
  if (stored === installed) return 0;
  const [from, to] = [stored === null ? undefined : parse(stored), parse(installed)];
  return from && to ? compareParts(from, to) : -1;
}

interface Version {
  numbers: number[];
  pre: string[];
}

const PATTERN = /^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]{1,200}))?(?:\+[0-9A-Za-z.-]*)?$/;

function parse(text: string): Version | undefined {
  const [whole, major, minor, patch, pre] = PATTERN.exec(text) ?? [];
  if (whole === undefined) return undefined;
  return { numbers: [Number(major), Number(minor), Number(patch)], pre: pre ? pre.split('.') : [] };
}

/** Semantic Versioning 2.0, section 11. */
function compareParts(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[index] ?? 0);
    if (difference) return difference;
  }
  if (!a.pre.length || !b.pre.length) return b.pre.length - a.pre.length;
  for (let index = 0; index < Math.max(a.pre.length, b.pre.length); index += 1) {
    const difference = compareIdentifiers(a.pre[index], b.pre[index]);
    if (difference) return difference;
  }
  return 0;
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (left && right) return Number(a) - Number(b);
  if (left !== right) return left ? -1 : 1;
  return a < b ? -1 : 1;
}

/** An application in the order of an upgrade. */
export interface UpgradeCandidate {
  name: string;
  /** Kept awake. */
  eager: boolean;
  /** Its instance is in memory. */
  running: boolean;
  /** By an operator, or `manual`: nobody can visit it. */
  stopped: boolean;
  /** Epoch milliseconds of its last use in this process; 0 when it was not used. */
  lastActiveAt: number;
}

/** Who is upgraded first: what is awake, then what was used last; what is stopped comes last. Else by name. */
export function upgradeOrder(candidates: readonly UpgradeCandidate[]): string[] {
  const rank = ({ eager, running, stopped }: UpgradeCandidate) => (stopped ? 3 : running ? 0 : eager ? 1 : 2);
  return [...candidates]
    .sort((a, b) => rank(a) - rank(b) || b.lastActiveAt - a.lastActiveAt || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

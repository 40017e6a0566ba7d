import type { Application } from '@nocobase/server';
import type { AppOptions } from '../../src/app-record';
import { AppError } from '../../src/errors';
import { isAccessDenied } from '../databases/error-chain';
import {
  compareVersions,
  type StoredPlugin,
  type StoredVersions,
  type UpgradeState,
  type UpgradeVerdict,
} from '../../src/policies/upgrade-plan';

/**
 * Compares what an application's database holds with what is installed in this process. The core's own upgrade looks at
 * its own version only; a plugin that was updated alone would never be migrated.
 */
export class AppVersions {
  /**
   * Read once a process: a package that was replaced on the disk is not the code that runs here before NocoBase is
   * restarted. A package that is missing is looked for again, since it may be added without a restart.
   */
  private readonly packages = new Map<string, string>();
  /** What was still behind after an upgrade, by application: to repeat it at every boot would help nobody. */
  private readonly stubborn = new Map<string, string>();

  constructor(
    private readonly core: () => string,
    /** Undefined for a package that is not installed. */
    private readonly packageVersion: (packageName: string) => Promise<string | undefined>,
  ) {}

  /** NocoBase's own version in this process. */
  get installedCore(): string {
    return this.core();
  }

  async compare(name: string, stored: StoredVersions | undefined): Promise<UpgradeVerdict> {
    const verdict = await this.compareAnew(stored);
    if (verdict.state !== 'behind' || this.stubborn.get(name) !== signature(verdict)) return verdict;
    return { ...verdict, state: 'current' };
  }

  /** Whether nothing differs, neither older nor newer. */
  async isExactly(stored: StoredVersions): Promise<boolean> {
    const { state, ahead } = await this.compareAnew(stored);
    return state === 'current' && ahead.length === 0;
  }

  /**
   * Over the instance's own connection, before anything is loaded into it: two statements, as many as the core's check.
   * @param options of the application: without plugins of its own named there, its tables must name some
   */
  async compareInstance(app: Application, options?: AppOptions): Promise<UpgradeVerdict> {
    const stored = await readInstance(app, this.core());
    return this.compare(app.name, options && isStripped(stored, options) ? undefined : stored);
  }

  /** After an upgrade: the next comparison finds nothing to do, also where the core could not stamp every version. */
  async confirm(app: Application): Promise<void> {
    const verdict = await this.compareAnew(await readInstance(app, this.core()));
    if (verdict.state !== 'behind') {
      this.stubborn.delete(app.name);
      return;
    }
    this.stubborn.set(app.name, signature(verdict));
    app.log.warn(`application "${app.name}" was upgraded, and still differs: ${signature(verdict)}`, {
      module: 'app-supervisor',
    });
  }

  forget(name: string): void {
    this.stubborn.delete(name);
  }

  private async compareAnew(stored: StoredVersions | undefined): Promise<UpgradeVerdict> {
    const names = (stored?.plugins ?? []).map(({ packageName }) => packageName);
    await Promise.all(
      names.map(async (packageName) => {
        if (this.packages.has(packageName)) return;
        const version = await this.packageVersion(packageName);
        if (version !== undefined) this.packages.set(packageName, version);
      }),
    );
    return compareVersions(stored, { core: this.core(), plugins: this.packages });
  }
}

/** @throws APP_VERSION_NEWER */
export function assertNotNewer(
  name: string,
  verdict: UpgradeVerdict,
): asserts verdict is UpgradeVerdict & { state: Exclude<UpgradeState, 'newer'> } {
  const { state, from, to } = verdict;
  if (state === 'newer') throw new AppError('APP_VERSION_NEWER', { name, stored: from ?? '', installed: to });
}

/**
 * Whether tables are there whose rows are gone. An upgrade would install the built-in plugins into them, with the first
 * account of the main application's environment.
 */
function isStripped(stored: StoredVersions | undefined, { plugins }: AppOptions): boolean {
  return stored?.plugins.length === 0 && (stored.core === null || plugins === undefined);
}

function signature({ from, to, plugins }: UpgradeVerdict): string {
  return JSON.stringify({ from, to, plugins });
}

async function readInstance(app: Application, installedCore: string): Promise<StoredVersions | undefined> {
  const core = await readInstanceCore(app);
  if (core === null && !(await app.isInstalled())) return undefined;
  return { core, plugins: await readInstancePlugins(app, core === installedCore) };
}

async function readInstanceCore(app: Application): Promise<string | null> {
  try {
    return (await app.version.get()) as string | null;
  } catch (error) {
    // The table is there and cannot be read: nothing may be concluded from that. A role without rights does not see it.
    if (isAccessDenied(error) || (await app.db.collectionExistsInDb('applicationVersion'))) throw error;
    return null;
  }
}

async function readInstancePlugins(app: Application, sameCore: boolean): Promise<StoredPlugin[]> {
  const plugins = app.db.getCollection('applicationPlugins');
  if (!plugins) return [];
  try {
    const rows = (await plugins.model.findAll({
      attributes: ['packageName', 'version'],
      where: { enabled: true },
      raw: true,
    })) as unknown as { packageName: string | null; version: string | null }[];
    return rows.flatMap(({ packageName, version }) => (packageName === null ? [] : [{ packageName, version }]));
  } catch (error) {
    if (sameCore) throw error;
    // An older NocoBase's table may lack a column; its own version says enough.
    return [];
  }
}

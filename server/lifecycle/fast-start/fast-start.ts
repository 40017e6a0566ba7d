import { existsSync } from 'node:fs';
import type { Application, Plugin } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { aiFilesPatch } from './ai-files';
import { keepUnchangedAiRecords } from './ai-records';
import { knowBuiltInLocales } from './built-in-locales';
import { collectionFilesPatch } from './collection-files';
import { forgetPackages } from './memo';
import type { MethodPatch } from './method-patch';
import { packageJsonPatch } from './package-json';
import { pathPatternsPatch } from './path-patterns';
import { knowPluginFolders } from './plugin-folders';
import { skipQuietLevels } from './quiet-levels';
import { knowServerVersion } from './server-version';

/** What is replaced for the whole process while the plugin is at work. */
export const PATCHES: readonly MethodPatch[] = [
  packageJsonPatch,
  collectionFilesPatch,
  aiFilesPatch,
  pathPatternsPatch,
];

/**
 * Starts applications with less work: what depends only on the installed packages is computed once a process, and what
 * would come to nothing is left out. An application comes up as it would without. The patterns of addresses, which NocoBase
 * translates at each request, are translated once, too. One file a shortcut; those that can be are made on the
 * application's own objects, the others are in `PATCHES`.
 *
 * Everything that is kept carries the stamp of its package (`memo.ts`), and all of it is dropped at every command that
 * adds, updates or removes a plugin, in whichever application it runs.
 */
export class FastStart {
  private readonly watched = new WeakSet<Application>();

  constructor(readonly enabled: boolean) {}

  /** @returns the patches that are in force */
  install(mainApp: Application): string[] {
    if (!this.enabled) return [];
    this.watch(mainApp);
    const version = mainApp.getPackageVersion();
    return PATCHES.filter((patch) => patch.install(version)).map(({ name }) => name);
  }

  uninstall(): void {
    for (const patch of PATCHES) patch.uninstall();
    forgetPackages();
  }

  /** Called with each constructed sub-application before anything is loaded into it. */
  prepare(app: Application, mainApp: Application): void {
    if (!this.enabled) return;
    this.watch(app);
    if (existsSync(storagePathJoin('.upgrading'))) forgetPackages();
    skipQuietLevels(app);
    knowServerVersion(app, mainApp);
    app.on('beforeLoad', () => {
      // An installation or a reload has given the application new ones.
      skipQuietLevels(app);
      knowBuiltInLocales(app);
      keepUnchangedAiRecords(app);
    });
    app.on('beforeLoadPlugin', (plugin: Plugin) => knowPluginFolders(plugin));
  }

  /** Listens for the commands that change what is installed. */
  private watch(app: Application): void {
    if (this.watched.has(app)) return;
    this.watched.add(app);
    app.on('maintaining', (state?: { command?: { name?: string } }) => {
      if (/^(pm|upgrade|install|restore)\b/.test(state?.command?.name ?? '')) forgetPackages();
    });
  }
}

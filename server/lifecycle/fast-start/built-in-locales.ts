import type { Application } from '@nocobase/server';
import { PackageMemo, packageStampOf } from './memo';

type Texts = Record<string, unknown>;
type Resources = Record<string, Texts>;

interface LocaleInternals {
  load(): Promise<void>;
  getBuiltInResources(language: string): Promise<Resources>;
}

/** A setting of the memory store that NocoBase passes on; its types leave it out. */
type CacheOptions = Parameters<Application['cacheManager']['createCache']>[0] & { shouldCloneBeforeSet?: boolean };

/** The name of the cache in which NocoBase keeps the texts of an application, by language. */
const CACHE = 'locale';

/** The texts that a set of plugins brings along, by language: a few sets, of which most have the same plugins. */
const resources = new PackageMemo<Resources>(24);

/**
 * The built-in texts of the plugins of one application, read once for all applications with the same plugins. All share
 * the same objects, which are frozen: NocoBase merges what an application changes into objects of its own.
 */
export function knowBuiltInLocales(app: Application): void {
  // Elsewhere NocoBase reads them anew on purpose, so that a developer sees what was edited.
  if (process.env.APP_ENV !== 'production') return;
  const locales = app.localeManager as unknown as LocaleInternals;
  if (typeof locales?.getBuiltInResources !== 'function' || Object.hasOwn(locales, 'getBuiltInResources')) return;
  const read = locales.getBuiltInResources.bind(locales);
  locales.getBuiltInResources = async (language) => {
    const packages = packagesOf(app);
    const stamps = packages.map(packageStampOf);
    const stamp = stamps.includes(undefined) ? undefined : stamps.join('\n');
    const key = [language, ...packages].join('\n');
    const known = await resources.get(key, stamp, async () => frozen(await read(language)));
    return { ...known };
  };
  keepWithoutCopy(app, locales);
}

/** NocoBase's cache copies all texts when it keeps them, though it hands out the same objects to all readers. */
function keepWithoutCopy(app: Application, locales: LocaleInternals): void {
  const load = locales.load.bind(locales);
  locales.load = async () => {
    const { cacheManager } = app;
    const create = cacheManager.createCache.bind(cacheManager);
    cacheManager.createCache = (options: CacheOptions) =>
      create(options.name === CACHE ? { ...options, shouldCloneBeforeSet: false } : options);
    try {
      await load();
    } finally {
      cacheManager.createCache = create;
    }
  };
}

function packagesOf(app: Application): string[] {
  return [...app.pm.getPlugins().values()].flatMap((plugin) => {
    const { packageName } = plugin.options as { packageName?: string };
    return packageName ? [packageName] : [];
  });
}

/** Freezes a tree of texts. */
function frozen<T extends object>(tree: T): T {
  for (const value of Object.values(tree)) if (typeof value === 'object' && value !== null) frozen(value as object);
  return Object.freeze(tree);
}

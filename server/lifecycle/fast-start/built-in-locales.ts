import type { Application } from '@nocobase/server';
import { PackageMemo, packageStampOf } from './memo';

type Texts = Record<string, unknown>;
type Resources = Record<string, Texts>;

interface LocaleInternals {
  getBuiltInResources(language: string): Promise<Resources>;
}

/** Texts of one package, and the names of those that are not simply texts. */
interface Known {
  texts: Texts;
  nested: string[];
}

/** The texts that a set of plugins brings along, by language: a few sets, of which most have the same plugins. */
const resources = new PackageMemo<[string, Known][]>(24);

/**
 * The built-in texts of the plugins of one application, read once for all applications with the same plugins. Each gets
 * its own objects, as NocoBase's would be; the texts themselves are shared.
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
    const known = await resources.get(key, stamp, async () => Object.entries(await read(language)).map(examine));
    return Object.fromEntries(known.map(([name, texts]) => [name, copyOf(texts)]));
  };
}

function packagesOf(app: Application): string[] {
  return [...app.pm.getPlugins().values()].flatMap((plugin) => {
    const { packageName } = plugin.options as { packageName?: string };
    return packageName ? [packageName] : [];
  });
}

function examine([name, texts]: [string, Texts]): [string, Known] {
  return [name, { texts, nested: Object.keys(texts).filter((key) => typeof texts[key] === 'object') }];
}

function copyOf({ texts, nested }: Known): Texts {
  const copy = { ...texts };
  for (const key of nested) copy[key] = structuredClone(copy[key]);
  return copy;
}

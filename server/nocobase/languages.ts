import type { Application } from '@nocobase/server';

type ByLanguage = (language: string) => Promise<unknown>;
type Locales = Record<'get' | 'getCacheResources', unknown> & { defaultLang?: unknown };

/**
 * NocoBase puts the name of a language into file names that it reads or runs, and takes it from rows and headers. Here
 * a text that names no language is replaced by the default language. Call it again after each reload.
 */
export function guardLanguages(app: Application, isLanguage: (text: unknown) => boolean): void {
  const locales = app.localeManager as unknown as Locales | undefined;
  if (!locales) return;
  const fallback = typeof locales.defaultLang === 'string' ? locales.defaultLang : 'en-US';
  for (const method of ['get', 'getCacheResources'] as const) {
    const original = locales[method];
    if (typeof original !== 'function') continue;
    const read = original.bind(locales) as ByLanguage;
    locales[method] = (language: string) => read(isLanguage(language) ? language : fallback);
  }
}

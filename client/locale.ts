import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { NAMESPACE } from './constants';

export type Translate = (text: string, values?: Record<string, string | number>) => string;

/** Translates by English sentence; what we do not know, NocoBase's own client texts may. */
export function useT(): Translate {
  const { t } = useTranslation([NAMESPACE, 'client'], { nsMode: 'fallback' });
  // React escapes what it shows.
  return useCallback((text, values) => t(text, { ...values, interpolation: { escapeValue: false } }), [t]);
}

/** The reader's language, as `Intl` takes it. */
export function useLanguage(): string {
  const { i18n } = useTranslation(NAMESPACE);
  return Intl.DateTimeFormat.supportedLocalesOf(i18n.language || 'en-US')[0] ?? 'en-US';
}

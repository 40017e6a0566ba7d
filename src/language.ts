import { AppError } from './errors';

/** The languages that NocoBase 2.2 offers in its system settings, by their codes. */
export const LANGUAGES: readonly string[] = [
  ...['ar-EG', 'az-AZ', 'bg-BG', 'bn-BD', 'by-BY', 'ca-ES', 'cs-CZ', 'da-DK', 'de-DE', 'el-GR', 'en-GB', 'en-US'],
  ...['es-ES', 'et-EE', 'fa-IR', 'fi-FI', 'fr-BE', 'fr-CA', 'fr-FR', 'ga-IE', 'gl-ES', 'he-IL', 'hi-IN', 'hr-HR'],
  ...['hu-HU', 'hy-AM', 'id-ID', 'is-IS', 'it-IT', 'ja-JP', 'ka-GE', 'kk-KZ', 'km-KH', 'kn-IN', 'ko-KR', 'ku-IQ'],
  ...['lt-LT', 'lv-LV', 'mk-MK', 'ml-IN', 'mn-MN', 'ms-MY', 'my-MM', 'nb-NO', 'ne-NP', 'nl-BE', 'nl-NL', 'pl-PL'],
  ...['pt-BR', 'pt-PT', 'ro-RO', 'ru-RU', 'si-LK', 'sk-SK', 'sl-SI', 'sr-RS', 'sv-SE', 'ta-IN', 'th-TH', 'tk-TK'],
  ...['tr-TR', 'uk-UA', 'ur-PK', 'uz-UZ', 'vi-VN', 'zh-CN', 'zh-HK', 'zh-TW'],
];

/** The language that a new application is installed in; empty means the main application's default. */
export function checkLanguage(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const known = LANGUAGES.find((code) => typeof value === 'string' && code.toLowerCase() === value.toLowerCase());
  if (known) return known;
  throw new AppError('APP_VALUE_INVALID', {
    field: 'options.lang',
    reason: 'it must be the code of a language that NocoBase offers, such as en-US or zh-CN',
  });
}

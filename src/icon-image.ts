import { AppError } from './errors';
import { phrase, type Reason } from './phrase';

/** Pictures that an application may be shown by; none that a browser would run anything of. */
export const ICON_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'] as const;
export type IconType = (typeof ICON_TYPES)[number];

export const MAX_ICON_BYTES = 64 * 1024;

/** The first bytes of each kind, as text of one character a byte. */
const MAGIC: Record<IconType, RegExp> = {
  'image/png': /^\x89PNG\r\n\x1a\n/, // eslint-disable-line no-control-regex -- what the format begins with
  'image/jpeg': /^\xff\xd8\xff/,
  'image/webp': /^RIFF[^]{4}WEBP/,
  'image/gif': /^GIF8[79]a/,
};

/** Four characters of base64 stand for three bytes; these are enough for every beginning above. */
const HEAD = 16;

function invalid(reason: Reason): AppError {
  return new AppError('APP_ICON_INVALID', { reason });
}

/** A data URI of a small picture that is what it says; empty means none. @throws APP_ICON_INVALID */
export function checkIconImage(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw invalid('it must be a data URI');
  const comma = value.indexOf(',');
  const type = ICON_TYPES.find((known) => value.slice(0, comma + 1) === `data:${known};base64,`);
  if (!type)
    throw invalid(phrase('it must be a data URI, in base64, of one of: {types}', { types: ICON_TYPES.join(', ') }));
  const length = value.length - comma - 1;
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0;
  if ((length / 4) * 3 - padding > MAX_ICON_BYTES)
    throw invalid(phrase('it is larger than {limit} KB', { limit: MAX_ICON_BYTES / 1024 }));
  const content = value.slice(comma + 1);
  if (length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(content)) throw invalid('it is not in base64');
  if (!MAGIC[type].test(atob(content.slice(0, HEAD))))
    throw invalid(phrase('its content is not of the type {type}', { type }));
  return value;
}

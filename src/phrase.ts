export type PhraseParams = Record<string, string | number | Phrase>;

/**
 * A part of an error sentence that is filled itself: its template can be translated before it is filled. As text, and in
 * JSON, it is the filled English.
 */
export class Phrase {
  constructor(
    readonly template: string,
    readonly params: PhraseParams,
  ) {}

  toString(): string {
    return fillMessage(this.template, this.params);
  }

  toJSON(): string {
    return this.toString();
  }
}

/** A piece of an error sentence: plain text, which is its own key in the locale files, or a filled one. */
export type Reason = string | Phrase;

export function phrase(template: string, params: PhraseParams): Phrase {
  return new Phrase(template, params);
}

/** The parameters whose plain text is English of ours, and is translated. All others are names, numbers and codes. */
export const TRANSLATED_PARAMS: ReadonlySet<string> = new Set([
  ...['reason', 'hint', 'detail', 'expects', 'what', 'unit'],
]);

/** Fills `{param}` in a sentence; an absent parameter stays visible, so that a forgotten one is noticed. */
export function fillMessage(template: string, params: PhraseParams): string {
  return template.replace(/\{(\w+)\}/g, (whole, key: string) => (key in params ? String(params[key]) : whole));
}

/**
 * Returns what a sentence was filled with; undefined for one that was not made from this template. If a value contains the
 * words that follow it, more than one reading is right, and one of them is returned.
 */
export function readMessage(template: string, text: string): Record<string, string> | undefined {
  const [first = '', ...rest] = template.split(/\{(\w+)\}/);
  if (!text.startsWith(first)) return undefined;
  const params: Record<string, string> = {};
  let from = first.length;
  // By turns the name of a parameter, and the words behind it.
  for (let index = 0; index < rest.length; index += 2) {
    const [key, words] = [rest[index] as string, rest[index + 1] ?? ''];
    const last = index + 2 >= rest.length;
    const to = last ? text.length - words.length : text.indexOf(words, from);
    if (to < from) return undefined;
    params[key] = text.slice(from, to);
    from = to + words.length;
  }
  return fillMessage(template, params) === text ? params : undefined;
}

/** Returns the phrase that a text was filled from, by the template with the most words; undefined if there is none. */
export function readPhrase(templates: readonly string[], text: string): Phrase | undefined {
  const words = (template: string) => template.replace(/\{\w+\}/g, '').length;
  const byWords = [...templates].sort((one, other) => words(other) - words(one));
  for (const template of byWords) {
    const params = readMessage(template, text);
    if (params) return new Phrase(template, params);
  }
  return undefined;
}

/** Not visible, and no break between the two characters beside it: U+2060, WORD JOINER. */
const JOINER = '\u2060';

/**
 * A name as the title of an application's system settings. NocoBase reads `{{…}}` in that title as a variable and shows
 * the value; a joiner between two braces keeps the text as it was entered.
 */
export function systemTitle(name: string): string {
  return name.replace(/\{(?=\{)/g, `{${JOINER}`);
}

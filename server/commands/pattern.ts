/** `*` stands for any text, `?` for one letter; everything else for itself. Capital letters do not matter. */
export function matches(pattern: string, text: string): boolean {
  return compiled(pattern).test(text);
}

export const isPattern = (text: string) => /[*?]/.test(text);

function compiled(pattern: string): RegExp {
  const parts = [...pattern].map((letter) => {
    if (letter === '*') return '.*';
    return letter === '?' ? '.' : letter.replace(/[.+^${}()|[\]\\/]/g, '\\$&');
  });
  // Stars in a row are one: nothing grows beyond the length of the text.
  return new RegExp(`^${parts.join('').replace(/(\.\*)+/g, '.*')}$`, 'isu');
}

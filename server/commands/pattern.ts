/** `*` stands for any text, `?` for one letter; everything else for itself. Capital letters do not matter. */
export function matches(pattern: string, text: string): boolean {
  const wanted = letters(pattern);
  const given = letters(text);
  let next = 0;
  // Only the last star need take more: what stood before it has found its place. So it is never more than the one
  // length times the other.
  let star = -1;
  let taken = 0;
  for (let at = 0; at < given.length;) {
    const letter = wanted[next];
    if (letter === '*') {
      star = next;
      taken = at;
      next += 1;
    } else if (letter === '?' || letter === given[at]) {
      next += 1;
      at += 1;
    } else if (star >= 0) {
      taken += 1;
      at = taken;
      next = star + 1;
    } else return false;
  }
  return wanted.slice(next).every((letter) => letter === '*');
}

export const isPattern = (text: string) => /[*?]/.test(text);

/** One by one, since the end of a word makes another small letter of some. */
const letters = (text: string) => [...text].map((letter) => letter.toLowerCase());

import { administratorText } from '../../src/first-administrator';

describe('the first administrator in one line', () => {
  it.each<[string | null, string | null, string | null, string]>([
    ['Ann', 'ann', 'ann@example.com', 'Ann (ann, ann@example.com)'],
    ['ann', 'ann', null, 'ann'],
    [null, 'ann', 'ann@example.com', 'ann (ann@example.com)'],
    [null, null, 'ann@example.com', 'ann@example.com'],
    ['', '', '', ''],
  ])('of %p, %p and %p is %p', (nickname, username, email, expected) => {
    expect(administratorText({ nickname, username, email })).toBe(expected);
  });
});

import { checkIconImage, MAX_ICON_BYTES } from '../../src/icon-image';

const BEGINNINGS: Record<string, Buffer> = {
  'image/png': Buffer.from('89504e470d0a1a0a0000000d', 'hex'),
  'image/jpeg': Buffer.from('ffd8ffe000104a4649460001', 'hex'),
  'image/webp': Buffer.from('524946462400000057454250', 'hex'),
  'image/gif': Buffer.from('474946383961010001000000', 'hex'),
};
const uri = (type: string, content: Buffer) => `data:${type};base64,${content.toString('base64')}`;
const padded = (type: string, size: number) => {
  const begin = BEGINNINGS[type] as Buffer;
  return Buffer.concat([begin, Buffer.alloc(size - begin.length)]);
};

describe('an image as an icon', () => {
  it.each(Object.keys(BEGINNINGS))('may be %s, of any length up to the limit', (type) => {
    for (const size of [12, 13, 14, 1_000, MAX_ICON_BYTES - 1, MAX_ICON_BYTES]) {
      const image = uri(type, padded(type, size));
      expect(checkIconImage(image)).toBe(image);
    }
  });

  it('may be none', () => {
    for (const none of [undefined, null, '']) expect(checkIconImage(none)).toBeUndefined();
  });

  const png = uri('image/png', padded('image/png', 100));
  it.each<[string, unknown]>([
    ['one byte too large', uri('image/png', padded('image/png', MAX_ICON_BYTES + 1))],
    ['a hundred megabytes', `data:image/png;base64,${'A'.repeat(100_000_000)}`],
    ['of another content than its type', uri('image/png', padded('image/gif', 100))],
    ['a script', uri('image/png', Buffer.from('<script>alert(1)</script>'))],
    ['empty', 'data:image/png;base64,'],
    ['an SVG', uri('image/svg+xml', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))],
    ['HTML', uri('text/html', Buffer.from('<b>'))],
    ['with parameters', png.replace(';base64', ';charset=utf-8;base64')],
    ['not in base64', 'data:image/png,%89PNG'],
    ['cut off', png.slice(0, -1)],
    ['with more behind it', `${png}"><script>`],
    ['with a line break', `${png.slice(0, 40)}\n${png.slice(40)}`],
    ['an address', 'https://example.com/x.png'],
    ['with spaces before it', ` ${png}`],
    ['a number', 5],
    ['an object', { src: png }],
  ])('is refused: %s', (_what, value) => {
    expect(() => checkIconImage(value)).toThrow(expect.objectContaining({ code: 'APP_ICON_INVALID', status: 400 }));
  });
});

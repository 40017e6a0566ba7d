import { colorOf, letterOf } from '../../client/components/app-icon';

describe('the letter icon', () => {
  it.each([
    ['front office', 'F'],
    ['  "quoted"', 'Q'],
    ['客户关系', '客'],
    ['7 eleven', '7'],
    ['éclair', 'É'],
    ['🚀 rocket', 'R'],
    ['🚀', '🚀'],
    ['', '?'],
  ])('of %p is %p', (title, letter) => expect(letterOf(title)).toBe(letter));

  it('has a colour that stays, and differs between names', () => {
    expect(colorOf('crm')).toBe(colorOf('crm'));
    const colors = new Set(['crm', 'erp', 'hr', 'shop', 'desk', 'lab'].map(colorOf));
    expect(colors.size).toBeGreaterThan(2);
  });

  it('is readable: white on its colour has at least the contrast that large letters need', () => {
    const channel = (value: number) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = (color: string) => {
      const [r, g, b] = [1, 3, 5].map((at) => channel(Number.parseInt(color.slice(at, at + 2), 16) / 255));
      return 0.2126 * (r as number) + 0.7152 * (g as number) + 0.0722 * (b as number);
    };
    const colors = new Set(Array.from({ length: 200 }, (_, index) => colorOf(`app-${index}`)));
    expect(colors.size).toBe(8);
    for (const color of colors) expect([color, 1.05 / (luminance(color) + 0.05) >= 3]).toEqual([color, true]);
  });
});

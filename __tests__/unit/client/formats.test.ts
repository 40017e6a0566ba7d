import { byteSize, duration, exactTime, relativeTime } from '../../../client/formats';

describe('formats', () => {
  it.each([
    [-3 * 60_000, 'en-US', '3 minutes ago'],
    [-3 * 60_000, 'zh-CN', '3分钟前'],
    [-200, 'en-US', 'now'],
    [26 * 3_600_000, 'en-US', 'tomorrow'],
    [-90 * 86_400_000, 'en-US', '3 months ago'],
    [7 * 86_400_000 - 60_000, 'en-US', 'in 7 days'],
    [6.4 * 86_400_000, 'en-US', 'in 6 days'],
    [-59.6 * 60_000, 'en-US', '1 hour ago'],
    [-29.8 * 86_400_000, 'en-US', 'last month'],
    [-364.9 * 86_400_000, 'en-US', '12 months ago'],
    [-400 * 86_400_000, 'en-US', 'last year'],
    [-59_700, 'en-US', '1 minute ago'],
  ])('tells %d ms from now in %s as %s', (distance, language, told) => {
    const now = Date.UTC(2026, 5, 1);
    expect(relativeTime(now + distance, now, language)).toBe(told);
  });

  it('tells the exact time with seconds', () => {
    expect(exactTime(Date.UTC(2026, 0, 2, 3, 4, 5), 'en-US')).toMatch(/2026.*\d\d:05/);
  });

  it.each([
    [0, '0 B'],
    [1_023, '1,023 B'],
    [1_536, '1.5 KB'],
    [200 * 2 ** 20, '200 MB'],
    [3 * 2 ** 40, '3 TB'],
  ])('tells %d bytes as %s', (bytes, told) => expect(byteSize(bytes, 'en-US')).toBe(told));

  it.each([
    [12.4, '12 ms'],
    [999.6, '1.0 s'],
    [3_240, '3.2 s'],
    [59_940, '59.9 s'],
    [59_960, '1 min 0 s'],
    [119_700, '2 min 0 s'],
    [125_000, '2 min 5 s'],
  ])('tells %d ms as %s', (ms, told) => expect(duration(ms)).toBe(told));
});

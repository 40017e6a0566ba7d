import fc from 'fast-check';
import { addedLines } from '../../../server/commands/logs';

const line = (message: string, at: string | null = '2026-01-01T00:00:00.000Z', level = 'info') => ({
  at,
  level,
  message,
});

describe('following a log', () => {
  it('shows what is new, also before a line of the same second, and the same words a second time', () => {
    const before = [line('a'), line('c')];
    expect(addedLines(before, [line('a'), line('b', undefined, 'error'), line('c'), line('a')])).toEqual([
      line('b', undefined, 'error'),
      line('a'),
    ]);
    expect(addedLines(before, before)).toEqual([]);
    expect(addedLines([], before)).toEqual(before);
  });

  it('shows each line once, however far the end of the log has moved', () => {
    const messages = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 });
    fc.assert(
      fc.property(messages, messages, fc.nat(30), (first, second, forgotten) => {
        const before = first.map((message) => line(message));
        const added = second.map((message) => line(message));
        const now = [...before, ...added].slice(Math.min(forgotten, before.length));
        const shown = addedLines(before, now);
        // Nothing is shown that was not added, and nothing is kept back but what cannot be told from a forgotten line.
        expect(shown.length).toBeLessThanOrEqual(added.length);
        expect(shown.length).toBeGreaterThanOrEqual(added.length - Math.min(forgotten, before.length));
      }),
    );
  });
});

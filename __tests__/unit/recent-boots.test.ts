import { RecentBoots } from '../../server/metrics/recent-boots';
import { SYSTEM, type AppEvent, type Journey } from '../../src/events';

const MINUTE = 60_000;

const journey = (startedAt: number, more: Partial<Journey> = {}): Journey => ({
  ...{ kind: 'wake', by: SYSTEM, startedAt, ms: 800, outcome: 'running', steps: [] },
  ...more,
});
const event = (type: AppEvent['type'], at: number, told?: Journey): AppEvent => ({
  ...{ application: 'crm', type, at, by: SYSTEM },
  journey: told,
});

describe('the boots of the last hour', () => {
  it('are told by what leads up, well or not, and by nothing else', () => {
    const boots = new RecentBoots();
    boots.note(event('slept', 1));
    boots.note(event('woken', 2, journey(1)));
    boots.note(event('upgraded', 3, journey(2)));
    boots.note(event('created', 4, journey(3, { kind: 'making', outcome: 'stopped' })));
    boots.note(event('failed', 5, journey(4, { outcome: 'failed', ms: 30 })));
    boots.note(event('failed', 6, journey(5, { kind: 'upgrade', outcome: 'failed' })));
    boots.note(event('fault', 7));
    const at = (ms: number) => new Date(ms).toISOString();
    expect(boots.list(10)).toEqual([
      { at: at(1), application: 'crm', kind: 'wake', ms: 800, outcome: 'running' },
      { at: at(3), application: 'crm', kind: 'making', ms: 800, outcome: 'stopped' },
      { at: at(4), application: 'crm', kind: 'wake', ms: 30, outcome: 'failed' },
    ]);
  });

  it('are forgotten after an hour, and beyond 500', () => {
    const boots = new RecentBoots();
    for (let count = 0; count < 600; count += 1) boots.note(event('woken', count * 1_000, journey(count * 1_000)));
    expect(boots.list(600_000)).toHaveLength(500);
    expect(boots.list(600_000)[0]?.at).toBe(new Date(100_000).toISOString());
    expect(boots.list(599_000 + 59 * MINUTE)).toHaveLength(60);
    expect(boots.list(600_000 + 60 * MINUTE)).toEqual([]);
  });
});

import type { AppRecord } from '../../../src/app-record';
import { appsToWake } from '../../../src/policies/due';

const UNTIL = Date.parse('2026-11-24T10:00:00.000Z');
const record = (name: string, given: Partial<AppRecord> = {}): AppRecord => ({
  name,
  startMode: 'lazy',
  options: {},
  nextDueAt: '2026-11-24T10:00:00.000Z',
  ...given,
});

describe('who is woken for his own work', () => {
  it.each<[string, Partial<AppRecord>, boolean]>([
    ['is due in time', {}, true],
    ['was due long ago', { nextDueAt: '1970-01-01T00:00:00.000Z' }, true],
    ['is due later', { nextDueAt: '2026-11-24T10:00:00.001Z' }, false],
    ['has no work', { nextDueAt: undefined }, false],
    ['was stopped by an operator', { stoppedAt: '2026-11-24T09:00:00.000Z' }, false],
    ['is manual', { startMode: 'manual' }, false],
    ['is eager', { startMode: 'eager' }, true],
  ])('%s', (_what, given, woken) => {
    expect(appsToWake([record('crm', given)], UNTIL)).toEqual(woken ? ['crm'] : []);
  });

  it('the earliest first', () => {
    const later = record('b');
    const earlier = record('a', { nextDueAt: '2026-11-24T09:00:00.000Z' });
    expect(appsToWake([later, earlier], UNTIL)).toEqual(['a', 'b']);
  });
});

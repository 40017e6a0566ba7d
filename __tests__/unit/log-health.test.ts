import { LogHealth, REOPEN_MS } from '../../server/metrics/log-health';

function build() {
  let now = 1_000_000;
  const health = new LogHealth(() => now);
  return { health, pass: (ms: number) => (now += ms), file: {} };
}

const FULL = Object.assign(new Error('ENOSPC: no space left on device, write /srv/secret'), { code: 'ENOSPC' });

describe('the health of log files', () => {
  it('writes every line of a file that is well', () => {
    const { health, file } = build();
    expect(health.next(file)).toBe('write');
    expect(health.summary()).toEqual({ failing: 0, failures: 0, lostLines: 0, last: null });
  });

  it('drops and counts lines of a file that failed, and opens it again after a while', () => {
    const { health, file, pass } = build();
    health.failed(file, FULL);
    for (let line = 0; line < 5; line += 1) expect(health.next(file)).toBe('drop');
    expect(health.summary()).toMatchObject({ failing: 1, failures: 1, lostLines: 6, last: { code: 'ENOSPC' } });
    pass(REOPEN_MS - 1);
    expect(health.next(file)).toBe('drop');
    pass(1);
    expect(health.next(file)).toBe('reopen');
  });

  it('counts a file as failing until it was written without a failure for a while', () => {
    const { health, file, pass } = build();
    health.failed(file, FULL);
    pass(REOPEN_MS);
    health.reopened(file);
    expect(health.next(file)).toBe('write');
    expect(health.summary().failing).toBe(1);
    health.failed(file, FULL);
    expect(health.next(file)).toBe('drop');
    pass(REOPEN_MS);
    health.reopened(file);
    pass(3_000);
    expect(health.next(file)).toBe('write');
    expect(health.summary()).toMatchObject({ failing: 0, failures: 2 });
  });

  it('is well again also if nothing more is written', () => {
    const { health, file, pass } = build();
    health.failed(file, FULL);
    health.reopened(file);
    pass(3_000);
    expect(health.summary().failing).toBe(0);
  });

  it('forgets a file that is closed, and keeps the counters', () => {
    const { health, file } = build();
    health.failed(file, FULL);
    health.closed(file);
    expect(health.summary()).toMatchObject({ failing: 0, failures: 1, lostLines: 1 });
    health.failed(file, FULL);
    expect(health.summary()).toMatchObject({ failing: 0, failures: 2, lostLines: 2 });
    expect(health.next(file)).toBe('drop');
    expect(health.summary().lostLines).toBe(2);
  });

  it('counts a missed write of the standard output', () => {
    const { health } = build();
    health.missed(Object.assign(new Error('x'), { code: 'EIO' }));
    expect(health.summary()).toMatchObject({ failing: 0, failures: 1, lostLines: 1, last: { code: 'EIO' } });
  });

  it.each([
    undefined,
    null,
    'text',
    7,
    {},
    { code: 5 },
    { code: '' },
    { code: '/srv/secret' },
    { code: 'x'.repeat(50) },
  ])('names no more than a code: %p', (error) => {
    const { health, file } = build();
    health.failed(file, error);
    expect(health.summary().last?.code).toBe('UNKNOWN');
  });
});

import type { Boot } from '../../../client/api-types';
import { addressUrls } from '../../../client/app-url';
import { bootSeries, summarize } from '../../../client/charts/boot-series';
import { barOf } from '../../../client/components/app-page/journey-chart';
import { readAddress, writeAddress } from '../../../client/hooks/use-page-address';

const boot = (at: number, ms: number, outcome: Boot['outcome'] = 'running'): Boot => {
  return { at: new Date(at).toISOString(), application: 'crm', kind: 'wake', ms, outcome };
};

describe('the address of a screen', () => {
  it('says what is shown, and nothing of what is as by default', () => {
    const params = writeAddress(new URLSearchParams('other=1'), {
      app: 'crm',
      search: 'a b',
      states: ['running', 'asleep'],
      page: 3,
      pageSize: 50,
      sort: '-displayName',
    });
    expect(readAddress(params)).toEqual({
      app: 'crm',
      view: undefined,
      search: 'a b',
      states: ['running', 'asleep'],
      page: 3,
      pageSize: 50,
      sort: '-displayName',
    });
    const back = writeAddress(params, {
      app: undefined,
      search: undefined,
      states: [],
      page: 1,
      pageSize: 20,
      sort: undefined,
    });
    expect(back.toString()).toBe('other=1');
  });

  it('takes no nonsense', () => {
    expect(readAddress(new URLSearchParams('page=-1&size=7&state=running,constructor,x'))).toMatchObject({
      page: 1,
      pageSize: 20,
      states: ['running'],
    });
  });
});

describe('the addresses of an application', () => {
  it('are full URLs of its hosts, at the port of this page, and then of its path', () => {
    const page = { routeUrl: (path: string) => `/v${path}`, port: '13000' };
    const urls = addressUrls(
      {
        name: 'crm',
        address: { path: '/apps/crm/', hosts: ['crm.example.com'], url: 'http://crm.example.com:13000/' },
      },
      page,
      'https://example.com:13000',
    );
    expect(urls).toEqual(['https://crm.example.com:13000/v/admin/', 'https://example.com:13000/v/apps/crm/admin/']);
  });
});

describe('the boots of the last hour', () => {
  const now = Date.UTC(2026, 0, 1, 12, 3);

  it('are counted in slices of five minutes, and each stands at its time', () => {
    const early = boot(now - 59 * 60_000, 4_000);
    const boots = [early, boot(now - 60_000, 2_000), boot(now - 60_000, 3_000), boot(now - 1_000, 500, 'failed')];
    const { from, to, times, counts, took, failedAfter } = bootSeries([boot(now - 2 * 3_600_000, 1), ...boots], now);
    expect([from, to]).toEqual([Date.UTC(2026, 0, 1, 11, 0) / 1_000, Date.UTC(2026, 0, 1, 12, 5) / 1_000]);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(counts.filter((count) => count !== undefined)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    expect(took.filter((value) => value !== undefined)).toEqual([4, 2, 3]);
    expect(failedAfter.filter((value) => value !== undefined)).toEqual([0.5]);
  });

  it('are summed up in words', () => {
    const boots = [boot(now, 900), boot(now, 100), boot(now, 300, 'stopped'), boot(now, 9_999, 'failed')];
    expect(summarize(boots)).toEqual({ count: 4, failed: 1, medianMs: 300, slowestMs: 900 });
    expect(summarize([])).toEqual({ count: 0, failed: 0, medianMs: 0, slowestMs: 0 });
  });
});

describe('the bars of a journey', () => {
  it('lie within the whole, and are never too short to be seen', () => {
    expect(barOf({ at: 0, ms: 500 }, 1_000)).toEqual({ start: 0, length: 50 });
    expect(barOf({ at: 1_000, ms: 0 }, 1_000)).toEqual({ start: 99.4, length: 0.6 });
    expect(barOf({ at: 0, ms: 0 }, 0)).toEqual({ start: 0, length: 0.6 });
  });
});

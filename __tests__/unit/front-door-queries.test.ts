import { open, visit } from './helpers/front-door-world';

const API = '/api/__app/crm/users:list';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('the query of a request', () => {
  const large = [
    'a&'.repeat(5_000),
    `filter=${'{"a":'.repeat(1_000)}`,
    `x${'[a]'.repeat(1_000)}`,
    `sort=${'a.'.repeat(99)}`,
  ];
  const targets = ['/api/users:list?', API + '?', '/apps/crm/?', '/?', '/api/__app/nope/x?', '/storage/x?', '/a/../b?'];

  it.each(large)('is refused for every application and in every phase before anything parses it: %.20s', (query) => {
    for (const phase of ['active', 'standby', 'starting'] as const) {
      for (const target of targets) {
        const opened = open(phase);
        const { res } = visit(opened, { url: target + query });
        expect([res.statusCode, res.json.error.code]).toEqual([400, 'APP_QUERY_TOO_LARGE']);
        expect(opened.service.runner).not.toHaveBeenCalled();
        expect([opened.crm.wakes, opened.door.traffic.size]).toEqual([0, 0]);
      }
    }
  });

  it('passes as before if it has no more than its bounds, and with any if the environment allows it', () => {
    expect(visit(open(), { url: `/api/users:list?filter=${'{"a":'.repeat(20)}` }).outcome).toBe(false);
    const any = open('active', { APP_SUPERVISOR_QUERY_DEPTH: '0', APP_SUPERVISOR_QUERY_PARAMETERS: '0' });
    expect(visit(any, { url: `/api/users:list?filter=${'{"a":'.repeat(1_000)}` }).outcome).toBe(false);
    expect(visit(any, { url: `/api/users:list?${'&'.repeat(99)}` }).outcome).toBe(false);
  });

  it('that is refused again and again waits for its response, as that of any stranger', () => {
    const opened = open();
    const url = `/api/users:list?${'a&'.repeat(5_000)}`;
    const answers = Array.from({ length: 5 }, () => visit(opened, { url }).res);
    expect(answers.map((res) => res.headersSent)).toEqual([true, true, true, false, false]);
    jest.advanceTimersByTime(1_000);
    expect(answers.every((res) => res.headersSent)).toBe(true);
  });
});

import { open, visit } from './helpers/front-door-world';

describe('the page of an application without a slash at its end', () => {
  it.each([
    ['/apps/crm', '/apps/crm/'],
    ['/v/apps/crm?a=1', '/v/apps/crm/?a=1'],
  ])('%s is redirected, and wakes nothing', async (url, location) => {
    const opened = open();
    const { outcome, res } = visit(opened, { url });
    expect([await outcome, res.statusCode]).toEqual([true, 308]);
    expect(res.headers).toMatchObject({ location, 'cache-control': 'no-store', 'content-length': '0' });
    expect(opened.crm.wakes).toBe(0);
  });

  it('is not found where there is no such application', async () => {
    const { outcome, res } = visit(open(), { url: '/apps/nope' });
    expect([await outcome, res.statusCode]).toEqual([true, 404]);
  });
});

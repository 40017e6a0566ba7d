import type { Router } from '../../server/routing/router';
import { selectApplication, setSelectorRouter } from '../../server/routing/selector';
import { APP_NAME_PATTERN } from '../../src/app-name';
import type { Route } from '../../src/policies/host-match';

afterEach(() => setSelectorRouter(undefined));

async function select(route: Route | undefined, ready = true, resolved: string | null = 'before') {
  const asked = jest.fn(() => route);
  if (route) setSelectorRouter({ ready, route: asked } as unknown as Router);
  const ctx = { req: { headers: {} }, resolvedAppName: resolved };
  const next = jest.fn(() => Promise.resolve());
  await selectApplication(ctx, next);
  expect(next).toHaveBeenCalledTimes(1);
  return { name: ctx.resolvedAppName, asked };
}

describe('selectApplication', () => {
  it('names the main application and the registered one', async () => {
    expect((await select({ kind: 'main', via: 'default' })).name).toBe('main');
    expect((await select({ kind: 'app', name: 'crm', via: 'header' })).name).toBe('crm');
  });

  it('names one that cannot exist for what the front door would have refused', async () => {
    const { name } = await select({ kind: 'unknown', name: '../../etc', via: 'header' });
    expect(name).not.toMatch(APP_NAME_PATTERN);
    expect(name).not.toMatch(/[./\\]/);
    expect((await select({ kind: 'malformed', via: 'query' })).name).toBe(name);
  });

  it('leaves the choice alone before the applications are known, and without a router', async () => {
    const early = await select({ kind: 'app', name: 'crm', via: 'header' }, false);
    expect(early.name).toBe('before');
    expect(early.asked).not.toHaveBeenCalled();
    setSelectorRouter(undefined);
    expect((await select(undefined)).name).toBe('before');
  });

  it('asks within the same turn: it waits for nothing before it goes on', () => {
    setSelectorRouter({ ready: true, route: () => ({ kind: 'main', via: 'default' }) } as unknown as Router);
    let went = false;
    void selectApplication({ req: { headers: {} }, resolvedAppName: null }, () => {
      went = true;
      return Promise.resolve();
    });
    expect(went).toBe(true);
  });
});

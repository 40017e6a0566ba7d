import { createRequire } from 'node:module';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { addResourceMiddleware } from '../../../server/nocobase/resource-middlewares';

type Middleware = (ctx: object, next: () => Promise<void>) => Promise<void>;

function build() {
  const used: [Middleware, object][] = [];
  const use = (middleware: Middleware, place: object) => used.push([middleware, place]);
  const app = { resourceManager: { use } } as unknown as Application;
  const order: string[] = [];
  const note =
    (name: string): Middleware =>
    (_ctx, next) => {
      order.push(name);
      return next();
    };
  const run = async ([middleware]: [Middleware, object]) => {
    await middleware({}, () => {
      order.push('action');
      return Promise.resolve();
    });
    return order;
  };
  return { app, used, note, order, run };
}

const host = createRequire(path.resolve('host/node_modules/x.js'));

/** NocoBase's own, with the tags and places by which its plugins add theirs. */
function namesIn(add: (app: Application) => void): string[] {
  const { ResourceManager } = host('./@nocobase/resourcer') as { ResourceManager: new () => Resources };
  const resourceManager = new ResourceManager();
  const named = (name: string) => Object.defineProperty(() => Promise.resolve(), 'name', { value: name });
  add({ resourceManager } as unknown as Application);
  resourceManager.use(named('acl'), { tag: 'acl', after: ['auth'] });
  resourceManager.use(named('upload'), { tag: 'upload', after: 'acl' });
  resourceManager.use(named('createMiddleware'), { tag: 'createMiddleware', after: 'auth' });
  resourceManager.use(named('auth'), { tag: 'auth' });
  return resourceManager.getMiddlewares().map(({ name }) => name || 'ours');
}

interface Resources {
  use(middleware: unknown, place: object): void;
  getMiddlewares(): { name: string }[];
}

describe('middlewares of resources', () => {
  it('stand before the caller is known, or behind the access control and before an upload is read', () => {
    const pass: Middleware = (_ctx, next) => next();
    const first = namesIn((app) => addResourceMiddleware(app, 'first', pass));
    expect(first.indexOf('ours')).toBeLessThan(Math.min(first.indexOf('auth'), first.indexOf('createMiddleware')));
    const admitted = namesIn((app) => addResourceMiddleware(app, 'admitted', pass));
    expect(admitted.indexOf('acl')).toBeLessThan(admitted.indexOf('ours'));
    expect(admitted.indexOf('ours')).toBeLessThan(admitted.indexOf('upload'));
  });

  it('are one for NocoBase at each place, and run in the order in which they were added', async () => {
    const { app, used, note, run } = build();
    for (const name of ['a', 'b', 'c']) addResourceMiddleware(app, 'first', note(name));
    addResourceMiddleware(app, 'admitted', note('d'));
    expect(used.map(([, place]) => place)).toEqual([
      { tag: 'app-supervisor:first', before: ['auth', 'acl', 'createMiddleware'] },
      { tag: 'app-supervisor:admitted', after: 'acl', before: 'upload' },
    ]);
    expect(await run(used[0] as [Middleware, object])).toEqual(['a', 'b', 'c', 'action']);
  });

  it('may wait before and after those behind them', async () => {
    const { app, used, note, order, run } = build();
    addResourceMiddleware(app, 'first', async (_ctx, next) => {
      await Promise.resolve();
      order.push('before');
      await next();
      order.push('after');
    });
    addResourceMiddleware(app, 'first', note('inner'));
    expect(await run(used[0] as [Middleware, object])).toEqual(['before', 'inner', 'action', 'after']);
  });

  it('may refuse: those behind them do not run', () => {
    const { app, used, note, order } = build();
    addResourceMiddleware(app, 'first', () => {
      throw new Error('refused');
    });
    addResourceMiddleware(app, 'first', note('behind'));
    expect(() => (used[0] as [Middleware, object])[0]({}, () => Promise.resolve())).toThrow('refused');
    expect(order).toEqual([]);
  });

  it('are added anew to the resource manager that a reload makes', () => {
    const { app, used, note } = build();
    addResourceMiddleware(app, 'first', note('a'));
    Object.assign(app, { resourceManager: { ...app.resourceManager } });
    addResourceMiddleware(app, 'first', note('a'));
    expect(used).toHaveLength(2);
    expect(used[0]?.[0]).not.toBe(used[1]?.[0]);
  });
});

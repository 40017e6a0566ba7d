import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { LOCKED_ACTIONS, separateExportLocks, withOwnLock } from '../../../server/nocobase/export-locks';
import { loadAnew } from '../../../server/nocobase/load-anew';

/** The actions as NocoBase finds them. */
const { resolve } = createRequire(path.resolve('host/node_modules/x.js'));
type Handler = Parameters<typeof withOwnLock>[0];
type AnyContext = Parameters<Handler>[0] & { work: Promise<void> };

const done = () => Promise.resolve();

/** NocoBase's own files; the exporter and the importer are replaced by work that lasts until the test ends it. */
function loadWithFakes(file: string): Record<string, unknown> {
  const real = createRequire(resolve(file));
  const run = (given: { context?: Work } & Work) => (given.context ?? given).work;
  class Fake {
    run = run;
    getXlsxBuffer = () => Buffer.alloc(0);
    cleanOutputFile = () => undefined;
  }
  return loadAnew(resolve(file), (name) => {
    if (name.startsWith('../services/')) return { XlsxExporter: Fake, XlsxImporter: Fake };
    return name === 'xlsx' ? { read: () => ({}) } : real(name);
  });
}

interface Work {
  work: Promise<void>;
}

/** A call of the actions; its work lasts until `end` is called. */
function call() {
  let end: () => void = () => undefined;
  const work = new Promise<void>((resolved) => (end = resolved));
  const ctx = {
    work,
    t: (text: string) => text,
    set: () => undefined,
    action: { params: {} },
    request: { body: {} },
    getCurrentRepository: () => ({}),
    dataSource: {},
    file: { buffer: Buffer.alloc(0) },
  };
  return { ctx: ctx as unknown as AnyContext, end };
}

/** The modules that all applications of a process share. */
const shared = new Map(LOCKED_ACTIONS.map(({ file }) => [file, loadWithFakes(file)]));

/** An instance whose plugins have registered NocoBase's own actions. */
function instance(name: string, load = loadWithFakes) {
  const handlers = new Map<string, Handler>();
  const manager = {
    getRegisteredHandler: (action: string) => handlers.get(action),
    registerActionHandler: (action: string, handler: Handler) => void handlers.set(action, handler),
  };
  const notices: string[] = [];
  const logger = { error: () => undefined };
  for (const { action, file, handler } of LOCKED_ACTIONS) {
    handlers.set(action, (shared.get(file)?.[handler] as Handler).bind({ logger }));
  }
  const app = {
    name,
    pm: { get: () => ({ logger }) },
    log: { warn: (notice: string) => notices.push(notice) },
    dataSourceManager: { afterAddDataSource: (hook: (source: object) => void) => hook({ resourceManager: manager }) },
  } as unknown as Application;
  return { handlers, notices, separate: () => separateExportLocks(app, Infinity, load) };
}

/** Calls an action, and tells after a while whether it is at work or has answered an error. */
async function begin(handler: Handler | undefined, ctx: AnyContext): Promise<string> {
  const call = (handler as Handler)(ctx, done).then(
    () => 'done',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
  return Promise.race([call, new Promise<string>((end) => setTimeout(() => end('at work'), 20))]);
}

describe('the locks of exports and imports', () => {
  it.each(LOCKED_ACTIONS.map(({ action }) => action))(
    '"%s" does not wait for that of another application; the second one of an application is refused',
    async (action) => {
      const [first, second] = [instance('crm'), instance('shop')];
      for (const one of [first, second]) one.separate();
      const [a, b, c] = [call(), call(), call()];
      expect(await begin(first.handlers.get(action), a.ctx)).toBe('at work');
      expect(await begin(second.handlers.get(action), b.ctx)).toBe('at work');
      expect(await begin(first.handlers.get(action), c.ctx)).toBe('APP_BUSY');
      a.end();
      c.end();
      await new Promise(setImmediate);
      expect(await begin(first.handlers.get(action), c.ctx)).toBe('done');
      b.end();
      expect([...first.notices, ...second.notices]).toEqual([]);
    },
  );

  it('the actions are replaced in a data source, except those of other plugins', () => {
    const { handlers, separate } = instance('crm');
    const foreign = () => done();
    handlers.set('importXlsx', foreign);
    const before = handlers.get('export');
    separate();
    expect(handlers.get('export')).not.toBe(before);
    expect(handlers.get('importXlsx')).toBe(foreign);
  });

  it('an action has ended when it calls the next one; an export that is done already takes no lock', async () => {
    const order: string[] = [];
    const action = withOwnLock(async (_ctx, next) => next(), 'crm');
    const again = () => action({}, () => Promise.resolve(void order.push('inner')));
    await action({}, again);
    expect(order).toEqual(['inner']);
    const stuck = withOwnLock(() => new Promise(() => undefined), 'crm');
    void stuck({}, done);
    await expect(stuck({}, done)).rejects.toMatchObject({ code: 'APP_BUSY' });
    expect(await Promise.race([stuck({ exportHandled: true }, done), Promise.resolve('waits')])).toBe('waits');
  });

  it('an action gives back its own lock only', async () => {
    const action = withOwnLock(
      (ctx, next) => (ctx.exportHandled === undefined && 'stays' in ctx ? new Promise(() => undefined) : next()),
      'crm',
    );
    let finish: () => void = () => undefined;
    const first = action({}, () => new Promise((resolve) => (finish = () => resolve(undefined))));
    void action({ stays: true } as never, done);
    finish();
    await first;
    await expect(action({}, done)).rejects.toMatchObject({ code: 'APP_BUSY' });
  });

  it('a refused import leaves no uploaded file', async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'import-')), 'rows.xlsx');
    fs.writeFileSync(file, 'x');
    const stuck = withOwnLock(() => new Promise(() => undefined), 'crm');
    void stuck({}, done);
    await expect(stuck({ file: { path: file } }, done)).rejects.toMatchObject({ code: 'APP_BUSY' });
    expect(fs.existsSync(file)).toBe(false);
    fs.rmdirSync(path.dirname(file));
  });

  it('another version of NocoBase is noticed, and keeps its action', () => {
    const { notices, separate } = instance('crm', () => ({}));
    separate();
    expect(notices).toHaveLength(2);
    expect(notices[0]).toContain('shares its lock');
  });
});

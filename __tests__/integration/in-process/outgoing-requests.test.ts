import '../../helpers/in-process-environment';
import { createServer, get, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import { Plugin } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, providePlugin } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { serverRequest } = host('@nocobase/utils') as { serverRequest(config: object): Promise<unknown> };

interface Context {
  body: unknown;
  db: { sequelize: { query(sql: string): Promise<unknown[][]> } };
}

let base: string;
const outcomes: unknown[] = [];

const note = (work: Promise<unknown>) =>
  void work.then(
    () => outcomes.push('answered'),
    (error: { code?: string }) => outcomes.push(error.code),
  );
const byHttp = () =>
  new Promise((resolve, reject) => {
    get(base, resolve).on('error', reject);
  });

/** Work of an application that goes on after the answer to its request, as that of a workflow does. */
class Calling extends Plugin {
  override load(): Promise<void> {
    const begin = async (ctx: Context, next: () => Promise<void>) => {
      note(serverRequest({ url: base, timeout: 86_400_000 }));
      note(byHttp());
      note(fetch(base));
      ctx.body = {};
      await next();
    };
    const rows = async (ctx: Context, next: () => Promise<void>) => {
      const [found] = await ctx.db.sequelize.query('SELECT generate_series(1, 300000) AS v');
      ctx.body = { count: found?.length };
      await next();
    };
    this.app.resourceManager.define({ name: 'calling', actions: { begin: begin as never, rows: rows as never } });
    this.app.acl.allow('calling', '*', 'public');
    return Promise.resolve();
  }
}

/** What an application has under way outside of the process. */
describeWithPostgres('requests of applications to other servers', () => {
  let app: InProcessApp;
  let crm: string;
  let server: Server;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    server = createServer(() => undefined).on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    providePlugin('calling', Calling);
    app = await InProcessApp.start();
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: ['error-handler', 'calling'] } });
  });

  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    server?.close();
    await app?.end();
  });

  const begin = async () => {
    outcomes.length = 0;
    expect((await app.post('/api/calling:begin', {}, { 'X-App': crm })).status).toBe(200);
    await app.until('three requests are open', () => Promise.resolve(sockets.size === 3), 5_000);
  };
  // `fetch` opens a connection anew for one that it has closed, and closes it when it has not used it for four seconds.
  const ended = () => app.until('no request is left', () => Promise.resolve(sockets.size === 0), 10_000);

  const act = async (action: string) =>
    expect((await app.post(`/api/applications:${action}?filterByTk=${crm}&wait=true`)).status).toBe(200);
  const ways = {
    stop: () => act('stop'),
    restart: () => act('restart'),
    sleep: () => app.supervisor.stopApp(crm),
    isolate: () => act('isolate'),
  };

  it.each(Object.entries(ways))('end at once with their instance: %s', async (_way, end) => {
    await act('start');
    await begin();
    await end();
    expect(outcomes).toEqual(['APP_STOPPED', 'APP_STOPPED', 'APP_STOPPED']);
    await ended();
  });

  it('end when NocoBase restarts or reloads the instance', async () => {
    await act('start');
    const instance = instanceOf(app, crm);
    await begin();
    await instance.restart();
    await ended();
    await begin();
    await instance.reload();
    await ended();
  });

  it('and the rows of one statement are bounded, in the applications only', async () => {
    await act('restart');
    const { status, body } = await app.get('/api/calling:rows', { 'X-App': crm });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('APP_VALUE_INVALID')]);
    const [found] = await app.main.db.sequelize.query('SELECT generate_series(1, 300000) AS v');
    expect(found).toHaveLength(300_000);
  });
});

import '../../helpers/in-process-environment';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Plugin, type Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, providePlugin, SMALL } from '../../helpers/in-process-app';

type Stage = 'load' | 'start' | 'destroy' | 'statement';

const control: { hang?: Stage; instances: Application[]; late: string[]; release: () => void; held?: Promise<void> } = {
  instances: [],
  late: [],
  release: () => undefined,
};

function hold(): void {
  control.held = new Promise((resolve) => {
    control.release = resolve;
  });
}

/** It hangs where the test says, until the test lets it go on. */
class Hanging extends Plugin {
  override async load(): Promise<void> {
    const { app } = this;
    if (app.name === 'main') return;
    control.instances.push(app);
    const stage = control.hang;
    const at = async (here: Stage) => {
      if (stage !== here) return;
      await control.held;
      control.late.push(here);
    };
    /* eslint-disable @typescript-eslint/no-misused-promises */
    app.on('afterStart', () => at('start'));
    app.on('beforeStop', () => at('destroy'));
    /* eslint-enable @typescript-eslint/no-misused-promises */
    if (stage === 'statement') await app.db.sequelize.query('SELECT pg_sleep(600)').catch(() => undefined);
    await at('load');
  }
}

/** What a boot that hangs leaves behind, of a real NocoBase on a real database: nothing. */
describeWithPostgres('a boot that hangs', () => {
  let app: InProcessApp;
  let name: string;

  beforeAll(async () => {
    providePlugin('hanging', Hanging);
    app = await InProcessApp.start({
      plugins: [...SMALL, 'hanging', OURS],
      env: { APP_SUPERVISOR_BOOT_TIMEOUT: '15', APP_SUPERVISOR_BOOT_CONCURRENCY: '1' },
    });
    name = app.name('hung');
    await app.create({ name, options: { plugins: [...SMALL, 'hanging'] } });
  });

  afterAll(async () => {
    control.release();
    await app?.end();
  });

  beforeEach(async () => {
    control.hang = undefined;
    control.late.length = 0;
    hold();
    await app.service.runner(name)?.stop('sleep');
  });

  const connections = async () => (await app.connections()).filter((database) => database === name).length;
  const wake = () =>
    app.service
      .runner(name)
      ?.start()
      .then(
        () => 'running',
        (error: { code: string }) => error.code,
      );

  it.each(['load', 'start', 'statement'] as const)('in %s is given up with all that it holds', async (stage) => {
    control.hang = stage;
    expect(await wake()).toBe('APP_BOOT_TIMEOUT');
    expect(app.supervisor.apps[name]).toBeUndefined();
    await app.until('no connection is left', async () => (await connections()) === 0);
    const given = control.instances.at(-1);

    // The only place in the queue is free, and the successor is not disturbed when the hung one goes on.
    control.hang = undefined;
    expect(await wake()).toBe('running');
    const statuses: string[] = [];
    const note = ({ appName, status }: { appName: string; status: string }) =>
      appName === name && statuses.push(status);
    app.supervisor.on('appStatusChanged', note);
    control.release();
    if (stage !== 'statement') await app.until('it went on', () => Promise.resolve(control.late.includes(stage)));
    await app.until('it has ended again', () => Promise.resolve(given?.stopped === true && given.db.closed()));
    await new Promise((resolve) => setTimeout(resolve, 500));
    app.supervisor.off('appStatusChanged', note);
    expect(statuses).toEqual([]);
    expect(await app.supervisor.getAppStatus(name)).toBe('running');
    expect(app.service.runner(name)?.state).toBe('running');
    expect(app.supervisor.apps[name]).not.toBe(given);
  });

  it('is taken off its place though its end hangs, too', async () => {
    control.hang = 'destroy';
    expect(await wake()).toBe('running');
    await app.service.runner(name)?.stop('operator');
    expect(app.supervisor.apps[name]).toBeUndefined();
    expect(await connections()).toBe(0);
    control.hang = undefined;
    expect(await wake()).toBe('running');
    control.release();
    await app.until('the end went on', () => Promise.resolve(control.late.includes('destroy')));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await app.supervisor.getAppStatus(name)).toBe('running');
    expect(app.supervisor.apps[name]).toBeDefined();
  });

  describe('at a server that takes connections and says nothing', () => {
    const sockets = new Set<Socket>();
    let silent: Server;

    beforeAll(async () => {
      silent = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => sockets.delete(socket));
        socket.resume();
      });
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    });

    afterAll(() => new Promise((resolve) => silent.close(resolve)));

    it('is given up, and the line is closed', async () => {
      const record = app.service.registry.get(name);
      if (!record) throw new Error('no record');
      const { port } = silent.address() as AddressInfo;
      const database = { ...record.options.database, host: '127.0.0.1', port };
      // As in a row of another plugin: ours name a host only with a connection of their own.
      app.service.registry.put({ ...record, provisioning: undefined, options: { ...record.options, database } });
      // A connection has 12 s, the boot 15: on a busy machine, the boot may be the first to end.
      expect(['APP_DATABASE_FAILED', 'APP_BOOT_TIMEOUT']).toContain(await wake());
      expect(app.supervisor.apps[name]).toBeUndefined();
      app.service.registry.put(record);
      expect(await wake()).toBe('running');
      await app.until('the line is closed', () => Promise.resolve(sockets.size === 0), 20_000);
    });
  });
});

import '../../helpers/in-process-environment';
import { Plugin, type Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, providePlugin, SMALL } from '../../helpers/in-process-app';

/** What the plugin does when it is loaded. */
let onLoad: () => Promise<void> = () => Promise.resolve();

class Breakable extends Plugin {
  override load(): Promise<void> {
    return onLoad();
  }
}

describeWithPostgres('a command that an application executes by itself', () => {
  let app: InProcessApp;
  let crm: string;

  beforeAll(async () => {
    providePlugin('breakable', Breakable);
    app = await InProcessApp.start({ plugins: [...SMALL, OURS], env: { APP_SUPERVISOR_DRAIN_TIMEOUT: '2' } });
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: ['error-handler', 'breakable'] } });
  });

  beforeEach(async () => {
    onLoad = () => Promise.resolve();
    await app.post(`/api/applications:start?filterByTk=${crm}&wait=true`);
  });

  afterAll(() => app?.end());

  const runner = () => app.service.runner(crm);
  const visit = () => app.get('/api/pm:listEnabled', { 'X-App': crm });
  const restart = () => (app.supervisor.apps[crm] as Application).runAsCLI(['restart'], { from: 'user' });
  const until = (what: string, check: () => boolean) => app.until(what, () => Promise.resolve(check()));

  it('holds requests, and lets them go on afterwards', async () => {
    let loaded: () => void = () => undefined;
    onLoad = () => new Promise((resolve) => (loaded = resolve));
    const given = restart();
    const visits = [visit(), visit()];
    await until('they wait', () => runner()?.room.occupied === 2);
    expect(runner()?.state).toBe('running');
    await until('it loads', () => app.supervisor.appStatus[crm] === 'commanding');
    await new Promise((resolve) => setTimeout(resolve, 500));
    loaded();
    await given;
    expect((await Promise.all(visits)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('that fails is a failure of the application, which comes back by itself', async () => {
    onLoad = () => Promise.reject(new Error('Planted-4712: it does not want to'));
    await restart();
    await until('it has failed', () => runner()?.state === 'failed');
    const refused = await visit();
    expect([refused.status, refused.body.error.code]).toEqual([503, 'APP_BOOT_FAILED']);
    expect(refused.text).not.toContain('Planted');
    expect(runner()?.describe().lastError).toMatchObject({ step: 'run', code: 'APP_BOOT_FAILED' });
    onLoad = () => Promise.resolve();
    await app.until('it is back', async () => (await visit()).status === 200);
  });

  it.each(['stop', 'restart'] as const)('that hangs does not keep an operator’s %s from its end', async (word) => {
    let hung = 0;
    onLoad = () => {
      hung += 1;
      return hung === 1 ? new Promise(() => undefined) : Promise.resolve();
    };
    void restart();
    const held = visit();
    await until('it hangs', () => hung === 1 && runner()?.room.occupied === 1);
    const said = await app.post(`/api/applications:${word}?filterByTk=${crm}&wait=true`);
    expect([said.status, said.body.data.state]).toEqual([200, word === 'stop' ? 'stopped' : 'running']);
    const { status, body } = await held;
    expect([status, body.error?.code]).toEqual(word === 'stop' ? [503, 'APP_STOPPED'] : [200, undefined]);
    expect(runner()?.flight.requests).toBe(0);
  });
});

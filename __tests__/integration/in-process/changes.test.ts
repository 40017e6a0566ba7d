import '../../helpers/in-process-environment';
import { Gateway } from '@nocobase/server';
import WebSocket from 'ws';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/** Main's open pages are told that something changed, and nothing else; nobody else is. */

const plugins = ['error-handler'];
const NUDGE = '{"type":"app-supervisor:changed"}';

describeWithPostgres('a change of an application', () => {
  let app: InProcessApp;
  let crm: string;
  const tabs: WebSocket[] = [];

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins } });
    await app.listen();
    // NocoBase opens its sockets before it constructs the main application, which is then bound to them.
    const { wsServer } = Gateway.getInstance() as unknown as { wsServer: { bindAppWSEvents(main: unknown): void } };
    wsServer.bindAppWSEvents(app.main);
  });

  afterAll(async () => {
    for (const tab of tabs) tab.terminate();
    await app?.end();
  });

  /** What a tab of an application hears from now on. */
  const listen = async (name?: string) => {
    const heard: { at: number; text: string }[] = [];
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws${name ? `?__appName=${name}` : ''}`);
    tabs.push(socket);
    socket.on('message', (data) => heard.push({ at: Date.now(), text: (data as Buffer).toString() }));
    await new Promise((resolve) => socket.once('open', resolve));
    const nudges = () => heard.filter(({ text }) => text.includes('app-supervisor')).map(({ at }) => at);
    return { heard, nudges, socket };
  };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const visit = () => app.get('/api/pm:listEnabled', { 'X-App': crm });

  /** How often the tab was told of it. */
  const told = async (tab: { nudges(): number[] }, work: () => Promise<unknown>) => {
    await pause(1_100);
    const before = tab.nudges().length;
    await work();
    await pause(1_100);
    return tab.nudges().length - before;
  };

  it('is told without content, of sleep and wake too, to pages of main and to nobody else', async () => {
    const [main, sub] = [await listen(), await listen(crm)];
    expect(await told(main, () => app.service.runner(crm)?.stop('sleep') ?? Promise.resolve())).toBeGreaterThan(0);
    expect(await told(main, visit)).toBeGreaterThan(0);
    const update = { displayName: 'Another' };
    expect(await told(main, () => app.post(`/api/applications:update?filterByTk=${crm}`, update))).toBeGreaterThan(0);
    expect(await told(main, () => app.post(`/api/applications:stop?filterByTk=${crm}&wait=true`))).toBeGreaterThan(0);
    expect(await told(main, () => app.post(`/api/applications:start?filterByTk=${crm}&wait=true`))).toBeGreaterThan(0);
    const texts = main.heard.map(({ text }) => text).filter((text) => text.includes('app-supervisor'));
    expect(new Set(texts)).toEqual(new Set([NUDGE]));
    expect(sub.nudges()).toEqual([]);
  });

  it('is told at each step of a making, at most twice a second, and once more at its end', async () => {
    const main = await listen();
    const other = app.name('other');
    const begun = Date.now();
    await told(main, () => app.post('/api/applications:create?wait=true', { name: other, options: { plugins } }));
    const nudges = main.nudges().filter((at) => at >= begun);
    expect(nudges.length).toBeGreaterThan(1);
    // Counted, not timed one by one: each is on its way for as long as it takes.
    const seconds = ((nudges.at(-1) ?? 0) - (nudges[0] ?? 0)) / 1_000;
    expect(nudges.length).toBeLessThanOrEqual(seconds * 2 + 2);
    expect(await told(main, () => app.post(`/api/applications:destroy?filterByTk=${other}`))).toBeGreaterThan(0);
    expect(await told(main, () => app.post(`/api/applications:restore?filterByTk=${other}`))).toBeGreaterThan(0);
  });

  it('is not told where nothing changed, and not sent where nobody listens', async () => {
    const main = await listen();
    expect(await told(main, () => visit())).toBe(0);
    expect(await told(main, () => app.get('/api/applications:list'))).toBe(0);
    for (const tab of tabs.splice(0)) {
      await new Promise((resolve) => tab.once('close', resolve).close());
    }
    await listen(crm);
    const sent: unknown[] = [];
    const note = (message: unknown) => void sent.push(message);
    app.main.on('ws:sendToCurrentApp', note);
    await app.service.runner(crm)?.stop('sleep');
    await pause(700);
    app.main.off('ws:sendToCurrentApp', note);
    expect(sent).toEqual([]);
  });
});

import '../../helpers/in-process-environment';
import { Plugin } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, providePlugin, SMALL } from '../../helpers/in-process-app';

/** Failure, quarantine, journeys and timelines of applications in a real NocoBase. */

let broken = false;

class Breakable extends Plugin {
  override load(): Promise<void> {
    return broken ? Promise.reject(new Error('Planted-4712: it does not want to')) : Promise.resolve();
  }
}

interface Step {
  step: string;
}

interface Event {
  type: string;
  by: { kind: string; via?: string };
  reason: string | null;
  journey: { outcome: string; steps: Step[] } | null;
}

describeWithPostgres('the life of an application', () => {
  let app: InProcessApp;
  let crm: string;
  let sibling: string;

  beforeAll(async () => {
    providePlugin('breakable', Breakable);
    app = await InProcessApp.start({ plugins: [...SMALL, OURS], env: { APP_SUPERVISOR_QUARANTINE_AFTER: '2' } });
    [crm, sibling] = [app.name('crm'), app.name('sibling')];
    await app.create({ name: crm, options: { plugins: ['error-handler', 'breakable'] } });
    await app.create({ name: sibling, options: { plugins: ['error-handler'] } });
  });

  afterAll(() => app?.end());

  const visit = (name: string) => app.get('/api/pm:listEnabled', { 'X-App': name });
  const runner = (name: string) => app.service.runner(name);
  const shown = async (name: string) => (await app.get(`/api/applications:get?filterByTk=${name}`)).body.data;
  const timeline = async (name: string, query = '') =>
    (await app.get(`/api/applications:events?filterByTk=${name}${query}`)).body;
  const types = async (name: string) => ((await timeline(name)).data as Event[]).map(({ type }) => type);

  it('begins with its making, step by step', async () => {
    const { data, meta } = await timeline(crm);
    expect(meta).toMatchObject({ count: 1, page: 1 });
    expect(data[0]).toMatchObject({ type: 'created', by: { kind: 'system' }, journey: { kind: 'making' } });
    const steps = (data[0] as Event).journey?.steps.map(({ step }) => step);
    expect(steps).toEqual([
      ...['queue', 'role', 'construct', 'database', 'connect', 'install'],
      ...['construct', 'connect', 'administrator', 'check', 'load', 'start'],
    ]);
  });

  it('goes on with the wake by a visitor, and the journey is shown', async () => {
    await runner(crm)?.stop('sleep');
    expect((await visit(crm)).status).toBe(200);
    const { state, journey, events } = await shown(crm);
    expect([state, journey.outcome, journey.by]).toEqual(['running', 'running', { kind: 'visitor', via: 'request' }]);
    expect((events as Event[]).map(({ type }) => type)).toEqual(['woken', 'slept', 'created']);
  });

  it('is woken by the opening of its page, not by what a page loads', async () => {
    await runner(crm)?.stop('sleep');
    await app.get(`/apps/${crm}/admin/`, { Accept: '*/*' });
    await app.get('/static/x.js', { Host: `${crm}.localhost`, Accept: '*/*' });
    expect(runner(crm)?.state).toBe('asleep');
    await app.get(`/apps/${crm}/admin/`, { Accept: 'text/html,*/*' });
    await app.until('it runs', () => Promise.resolve(runner(crm)?.state === 'running'));
    expect((await timeline(crm)).data[0].by).toEqual({ kind: 'visitor', via: 'page' });
  });

  it('fails alone: the same error for all who wait, quarantine, and one Start that leads out of it', async () => {
    await runner(crm)?.stop('sleep');
    broken = true;
    const answers = await Promise.all([visit(crm), visit(crm), visit(crm), visit(sibling)]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 200]);
    expect(new Set(answers.slice(0, 3).map(({ text }) => text))).toHaveProperty('size', 1);
    expect(answers[0]?.body.error).toMatchObject({
      code: 'APP_BOOT_FAILED',
      message: expect.stringContaining('"load"'),
    });
    expect(answers[0]?.text).not.toContain('Planted');

    await app.until('it is in quarantine', async () => {
      const { status, body } = await visit(crm);
      expect([status, (await visit(sibling)).status]).toEqual([503, 200]);
      return body.error.code === 'APP_QUARANTINED';
    });
    expect(await shown(crm)).toMatchObject({ state: 'quarantined', status: 'error', retryAt: null });
    expect((await types(crm)).slice(0, 2)).toEqual(['quarantined', 'failed']);

    broken = false;
    expect((await visit(crm)).body.error.code).toBe('APP_QUARANTINED');
    const started = await app.post(`/api/applications:start?filterByTk=${crm}&wait=true`);
    expect(started.body.data).toMatchObject({ state: 'running', lastError: null });
    expect((await visit(crm)).status).toBe(200);
    expect((await types(crm))[0]).toBe('started');
  });

  it.each(['restart', 'stop'] as const)(
    'serves who waited for it before %s was said, and does not wait for him',
    async (word) => {
      const lost: unknown[] = [];
      const note = (error: unknown) => void lost.push(error);
      process.on('unhandledRejection', note);
      try {
        await app.post(`/api/applications:start?filterByTk=${crm}&wait=true`);
        await runner(crm)?.stop('sleep');
        const visitor = visit(crm);
        await app.until('it boots', () => Promise.resolve(runner(crm)?.state !== 'asleep'));
        const said = app.post(`/api/applications:${word}?filterByTk=${crm}&wait=true`);
        expect((await visitor).status).toBe(200);
        expect((await said).status).toBe(200);
        expect((await visit(crm)).status).toBe(word === 'stop' ? 503 : 200);
        expect(lost).toEqual([]);
      } finally {
        process.off('unhandledRejection', note);
      }
    },
  );

  it('is told page by page, and also after its end', async () => {
    await app.post(`/api/applications:stop?filterByTk=${crm}&wait=true`);
    const { meta } = await timeline(crm);
    const second = await timeline(crm, '&page=2&pageSize=3');
    expect([second.data.length, second.meta.totalPage]).toEqual([3, Math.ceil(meta.count / 3)]);
    await app.post(`/api/applications:destroy?filterByTk=${crm}&dropDatabase=true&purge=true`);
    expect((await types(crm)).slice(0, 3)).toEqual(['purged', 'removed', 'stopped']);
    expect((await timeline(crm)).data[0]).toMatchObject({ reason: 'database-dropped' });
    expect((await timeline('nobody')).data).toEqual([]);
  });
});

describeWithPostgres('the end of the supervisor', () => {
  it('leaves no instance of a boot that is under way, or that begins meanwhile', async () => {
    const app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    const names = ['under-way', 'during', 'last'].map((end) => app.name(end));
    for (const name of names) {
      await app.create({ name, options: { plugins: ['error-handler'] } });
      await app.supervisor.removeApp(name);
    }
    const wake = (name = '') => {
      app.service
        .runner(name)
        ?.wake('background')
        .catch(() => undefined);
    };
    const [underWay, during, last] = names;
    // As the waker does it, at any moment.
    app.main.on('beforeStop', () => wake(during));
    app.main.on('afterStop', () => wake(last));
    wake(underWay);
    // Which looks for what is left.
    await app.end();
  });
});

import { readdirSync, readlinkSync } from 'node:fs';
import type { EventEmitter } from 'node:events';
import { Gateway, type Application } from '@nocobase/server';
import WebSocket from 'ws';
import { describeWithPostgres, InProcessApp } from '../../helpers/in-process-app';
import { nextByCron } from '../../../server/lifecycle/due-times';
import { readWorkload } from '../../../server/lifecycle/workload';

/** Plugins whose work is looked for, and what they need. */
const PLUGINS = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'system-settings'],
  ...['async-task-manager', 'workflow', 'workflow-delay', 'workflow-request', 'notification-manager'],
];

const MINUTE = 60_000;

/** Real applications, with real schedules, put to sleep by the sleeper's own rounds. */
describeWithPostgres('sleep', () => {
  let app: InProcessApp;
  let crm: string;

  beforeAll(async () => {
    app = await InProcessApp.start({
      env: {
        APP_SUPERVISOR_IDLE_TIMEOUT: '1',
        // The rounds are the tests' own.
        APP_SUPERVISOR_SLEEP_INTERVAL: '86400',
        LOGGER_TRANSPORT: 'dailyRotateFile',
        LOGGER_LEVEL: 'info',
      },
    });
    await app.listen();
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: PLUGINS } });
  });

  afterAll(() => app?.end());

  const runner = () => app.service.runner(crm) as NonNullable<ReturnType<typeof app.service.runner>>;
  const instance = () => app.supervisor.apps[crm] as Application;
  const visit = () => app.get('/api/app:getInfo', { 'X-App': crm });
  const view = () => app.service.view({ name: crm });
  const set = (values: object) => app.repository.update({ filterByTk: crm, values });
  const work = () => readWorkload(instance(), 0, Date.now());
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  /** Its idle time passes without a use, and then it is looked for who may sleep. */
  async function passes(): Promise<string> {
    await wait(1_100);
    await app.service.sleeper.round();
    return runner().state;
  }

  interface WorkflowRow {
    get(key: string): unknown;
    createNode(values: object): Promise<unknown>;
  }

  async function workflow(values: object): Promise<WorkflowRow> {
    return (await instance()
      .db.getRepository('workflows')
      .create({ values: { enabled: true, ...values } })) as never;
  }

  describe('what keeps it awake', () => {
    it('is a use within its idle time; then it sleeps, and the next visit wakes it', async () => {
      await visit();
      await app.service.sleeper.round();
      expect(runner().state).toBe('running');
      expect(view().awakeBecause).toEqual(expect.arrayContaining(['recently-used']));
      expect(await passes()).toBe('asleep');
      expect(view()).toMatchObject({ state: 'asleep', status: 'stopped', stateReason: 'idle', awakeBecause: null });
      expect((await visit()).body.data.name).toBe(crm);
    });

    it('is not a health check, of which it is not woken either', async () => {
      const check = () => app.get('/api/__health_check', { 'X-App': crm });
      const { lastActiveAt } = runner();
      expect((await check()).text).toBe('ok');
      expect(runner().lastActiveAt).toBe(lastActiveAt);
      expect(await passes()).toBe('asleep');
      const answer = await check();
      expect([answer.status, answer.text, runner().state]).toEqual([200, 'ok', 'asleep']);
    });

    it('is a setting of its own, written like any other', async () => {
      await visit();
      await set({ keepAwake: true });
      expect(await passes()).toBe('running');
      await set({ keepAwake: false, idleTimeout: 3_600 });
      expect(await passes()).toBe('running');
      expect(view().awakeBecause).toContain('recently-used');
      await set({ idleTimeout: 0 });
      expect(view().awakeBecause).toContain('idle-timeout-off');
      await expect(set({ idleTimeout: -1 })).rejects.toMatchObject({ code: 'APP_VALUE_INVALID' });
      await set({ idleTimeout: null });
      expect(await passes()).toBe('asleep');
    });

    it('is a message of a tab, and neither its silence nor its sign-in', async () => {
      await visit();
      const told: string[] = [];
      const socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws?__appName=${crm}`);
      socket.on('message', (message: Buffer) => told.push(message.toString()));
      await new Promise((resolve) => socket.once('open', resolve));
      await wait(1_100);
      const { lastActiveAt } = runner();
      for (const message of ['ping', '{"type":"ping"}', '{"type":"auth:token","payload":{"token":"x"}}', 'not json']) {
        socket.send(message);
      }
      await wait(200);
      expect(runner().lastActiveAt).toBe(lastActiveAt);
      socket.send('{"type":"something","payload":1}');
      await app.until('it counts', () => Promise.resolve(runner().lastActiveAt > lastActiveAt));
      await app.service.sleeper.round();
      expect(runner().state).toBe('running');
      told.length = 0;
      expect(await passes()).toBe('asleep');
      await wait(100);
      for (const message of ['ping', '{"type":"auth:token","payload":{"token":"x"}}']) socket.send(message);
      await wait(300);
      // Nobody sees it sleep.
      expect([runner().state, told]).toEqual(['asleep', []]);
      socket.send('{"type":"something","payload":1}');
      await app.until('it is woken', () => Promise.resolve(runner().state === 'running'));
      expect(told.filter((text) => text.includes('maintaining'))).toEqual([]);
      socket.close();
    });
  });

  describe('its own work', () => {
    beforeEach(async () => {
      await visit();
    });

    it('is none at first', async () => {
      expect(await work()).toEqual({ busy: [], scheduled: [], nextDueAt: undefined });
    });

    it('is seen in its event queue, while it waits and while it is done', async () => {
      let done: () => void = () => undefined;
      const doing = new Promise<void>((resolve) => {
        done = resolve;
      });
      let free = false;
      instance().eventQueue.subscribe('mine', { idle: () => free, process: () => doing });
      await instance().eventQueue.publish('mine', {});
      expect((await work()).busy).toEqual(['queue']);
      expect(await passes()).toBe('running');
      free = true;
      const { adapter } = instance().eventQueue as unknown as { adapter: { queues: Map<string, unknown[]> } };
      await app.until('it is taken', () => Promise.resolve([...adapter.queues.values()].every((jobs) => !jobs.length)));
      expect((await work()).busy).toEqual(['queue']);
      done();
      await app.until('it is done', async () => (await work()).busy.length === 0);
      expect(await passes()).toBe('asleep');
    });

    it('is seen in an open transaction, a command and an asynchronous task', async () => {
      const transaction = await instance().db.sequelize.transaction();
      expect((await work()).busy).toContain('database');
      await transaction.rollback();
      const { tasks } = instance().container.get<{ tasks: Map<string, object> }>('AsyncTaskManager');
      tasks.set('x', {});
      instance().activatedCommand = { name: 'upgrade' };
      expect([...(await work()).busy].sort()).toEqual(['command', 'task']);
      instance().activatedCommand = null as never;
      tasks.clear();
    });

    it('is not taken for nothing when it cannot be read', async () => {
      const plugin = instance().pm.get('workflow') as unknown as { runningExecutionRegistry: unknown };
      const { runningExecutionRegistry } = plugin;
      plugin.runningExecutionRegistry = undefined;
      expect((await work()).busy).toEqual(['unreadable']);
      expect(await passes()).toBe('running');
      plugin.runningExecutionRegistry = runningExecutionRegistry;
      expect((await work()).busy).toEqual([]);
    });

    it('is a cron job of a plugin', async () => {
      const today = new Date();
      // At least a month ahead, so that it comes after everything else here, also in the last hour of a month.
      const due = new Date(today.getFullYear(), today.getMonth() + 2, 1);
      // The library of NocoBase's cron jobs counts months from 0.
      const cronTime = `0 0 0 1 ${due.getMonth()} *`;
      const job = instance().cronJobManager.addJob({ cronTime, onTick: () => undefined });
      const { scheduled, nextDueAt = 0 } = await work();
      expect(scheduled).toEqual(['cron']);
      expect(nextDueAt).toBe(due.getTime());
      expect(nextByCron(instance(), '0 0 0 1 1 *', Date.now())).toBe(new Date(today.getFullYear() + 1, 0, 1).getTime());
      expect(nextByCron(instance(), 'sometimes', Date.now())).toBeUndefined();
      expect(await passes()).toBe('running');
      expect(view().awakeBecause).toEqual(['scheduled-work']);
      instance().cronJobManager.removeJob(job);
      expect((await work()).scheduled).toEqual([]);
    });

    it('is a workflow by schedule: it sleeps when it may, and is woken for it, also by the next process', async () => {
      const startsOn = new Date(Math.ceil((Date.now() + 60 * MINUTE) / 1_000) * 1_000).toISOString();
      const row = await workflow({ title: 'hourly', type: 'schedule', config: { mode: 0, startsOn } });
      expect(await work()).toEqual({ busy: [], scheduled: ['schedule'], nextDueAt: Date.parse(startsOn) });
      expect(await passes()).toBe('running');
      expect(view()).toMatchObject({ awakeBecause: ['scheduled-work'], nextDueAt: startsOn });
      await set({ onSchedule: 'wake-when-due' });
      expect(await passes()).toBe('asleep');
      expect(view()).toMatchObject({ state: 'asleep', nextDueAt: startsOn });

      await app.restart();
      await app.listen();
      expect(runner().state).toBe('asleep');
      const soon = new Date(Date.now() + 30_000).toISOString();
      await app.sql('UPDATE applications SET "nextDueAt" = $1 WHERE name = $2', [soon, crm]);
      await app.restart();
      await app.listen();
      await app.until('it is woken', () => Promise.resolve(runner().state === 'running'));
      expect(runner().lastActiveAt).toBe(0);
      await instance()
        .db.getRepository('workflows')
        .destroy({ filterByTk: row.get('id') as number });
      expect(await passes()).toBe('asleep');
      expect(view().nextDueAt).toBeNull();
    });

    it('is a workflow by the dates of records, and a delay', async () => {
      const at = Math.ceil((Date.now() + 100 * MINUTE) / 1_000) * 1_000;
      const { db } = instance();
      const user = await db.getRepository('users').findOne();
      const { createdAt } = user.get() as { createdAt: Date };
      const byDate = await workflow({
        title: 'by date',
        type: 'schedule',
        config: {
          mode: 1,
          collection: 'users',
          startsOn: { field: 'createdAt', offset: 1, unit: at - Math.floor(createdAt.getTime() / 1_000) * 1_000 },
        },
      });
      const seen = await work();
      expect(seen.scheduled).toEqual(['schedule']);
      expect(Math.abs((seen.nextDueAt ?? 0) - at)).toBeLessThan(5_000);
      await db.getRepository('workflows').destroy({ filterByTk: byDate.get('id') as number });

      const waiting = await workflow({
        title: 'waits',
        type: 'collection',
        config: { collection: 'users', mode: 1 },
      });
      await waiting.createNode({ type: 'delay', config: { duration: 50, unit: MINUTE, endStatus: 1 } });
      const began = Date.now();
      await db.getRepository('users').create({ values: { username: 'someone', nickname: 'Someone' } });
      await app.until('it waits', async () => {
        const { busy, scheduled } = await work();
        return busy.length === 0 && scheduled.includes('delay');
      });
      const due = (await work()).nextDueAt ?? 0;
      expect(due).toBeGreaterThanOrEqual(began + 50 * MINUTE);
      expect(due).toBeLessThan(Date.now() + 50 * MINUTE);
      expect(await passes()).toBe('asleep');
      expect(view().nextDueAt).toBe(new Date(due).toISOString());
      await visit();
      await instance()
        .db.getRepository('workflows')
        .destroy({ filterByTk: waiting.get('id') as number });
      await instance().db.getRepository('executions').destroy({ truncate: true });
    });
  });

  describe('the race', () => {
    it('of requests with falling asleep gives each a whole answer', async () => {
      await set({ onSchedule: null });
      let over = false;
      const answers: string[] = [];
      const visitors = Array.from({ length: 12 }, async (_, index) => {
        while (!over) {
          const { status, body } = await visit();
          answers.push(`${status} ${(body as { data?: { name?: string } }).data?.name}`);
          await wait(index * 3);
        }
      });
      let slept = 0;
      for (let round = 0; round < 12; round += 1) {
        // As for a limit: use a moment ago is no reason, a request in flight is.
        if (await runner().sleep('running-limit', () => true)) slept += 1;
        await app.until('somebody wakes it', () => Promise.resolve(runner().state === 'running'));
        await wait(20 + round * 7);
      }
      over = true;
      await Promise.all(visitors);
      expect(new Set(answers)).toEqual(new Set([`200 ${crm}`]));
      expect(answers.length).toBeGreaterThan(24);
      // Otherwise nothing was tried.
      expect(slept).toBeGreaterThan(0);
    });
  });

  describe('what is left', () => {
    const openFiles = () =>
      readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          const file = readlinkSync(`/proc/self/fd/${fd}`);
          return file.includes(`/${crm}/`) ? [file] : [];
        } catch {
          return [];
        }
      });
    const handles = () =>
      (process as unknown as { _getActiveHandles(): { constructor: { name: string } }[] })
        ._getActiveHandles()
        .filter((handle) => handle.constructor.name !== 'Socket').length;
    const listeners = () => {
      const emitters: EventEmitter[] = [app.supervisor, app.main, process, Gateway.getInstance()];
      return emitters.map((emitter) =>
        Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)])),
      );
    };
    const entries = () => {
      const { apps, appStatus, appErrors, lastSeenAt, lastMaintainingMessage, statusBeforeCommanding } = app.supervisor;
      const tables = { apps, appStatus, appErrors, lastMaintainingMessage, statusBeforeCommanding };
      const { loggers } = Gateway.getInstance() as unknown as { loggers: { map: Map<string, unknown> } };
      return [
        ...Object.entries(tables).flatMap(([table, values]) => (crm in values ? [table] : [])),
        ...(lastSeenAt.has(crm) ? ['lastSeenAt'] : []),
        ...(loggers.map.has(crm) ? ['gateway loggers'] : []),
      ];
    };
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

    it('of an application that sleeps is nothing: no connection, file, handle, timer, listener or entry', async () => {
      await visit();
      expect(openFiles().length).toBeGreaterThan(4);
      expect(entries().length).toBeGreaterThan(1);
      expect(await app.connections()).toContain(crm);
      expect(await passes()).toBe('asleep');
      // Timers and log files of the last moment end by themselves.
      await wait(2_000);
      const atRest = { handles: handles(), timers: timers(), listeners: listeners() };
      expect([openFiles(), entries()]).toEqual([[], []]);
      for (let cycle = 0; cycle < 3; cycle += 1) {
        await visit();
        // As the core does when it answers with an error of its own.
        const gateway = Gateway.getInstance() as unknown as { getLogger(name: string, res: object): unknown };
        gateway.getLogger(crm, { setHeader: () => undefined });
        await runner().sleep('idle', () => true);
      }
      await app.until('all is closed', () => Promise.resolve(openFiles().length === 0), 5_000);
      await app.until('no connection is left', async () => !(await app.connections()).includes(crm), 5_000);
      // The last word to open pages is said within a second.
      await wait(2_000);
      expect(entries()).toEqual([]);
      expect({ handles: handles(), timers: timers(), listeners: listeners() }).toEqual(atRest);
    });
  });
});

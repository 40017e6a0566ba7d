import { deferred } from '../../server/lifecycle/deferred';
import { runMainRequest } from '../../server/routing/main-commands';
import { open, visit, type Door } from './helpers/front-door-world';

const API = '/api/__app/crm/users:list';
const MAINS = '/api/users:list';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

const soon = () => jest.advanceTimersByTimeAsync(1);

/** A command of the application that runs until `end` is called. */
function command({ crm }: Door) {
  crm.condition = { state: 'running', since: 0 };
  const work = deferred();
  const run = crm.flight.hold.run(
    () => Promise.resolve(),
    () => work.promise,
  );
  return {
    end: async () => {
      work.resolve();
      await run;
    },
  };
}

/** The same of the main application. */
function mainCommand(
  { door }: Door,
  give: (work: () => Promise<void>) => Promise<void> = (work) => door.mainCommands.run(work),
) {
  const work = deferred();
  const begun = jest.fn();
  const run = give(() => {
    begun();
    return work.promise;
  });
  return {
    begun,
    end: async () => {
      work.resolve();
      await run;
    },
  };
}

describe('while an application executes a command of its own', () => {
  it('a request to it waits without a lease, and takes one when the command has ended', async () => {
    const opened = open();
    const underway = command(opened);
    const { outcome, res } = visit(opened, { url: API });
    await jest.advanceTimersByTimeAsync(10_000);
    expect([opened.crm.room.occupied, opened.crm.leased, opened.crm.wakes, res.headersSent]).toEqual([1, 0, 0, false]);
    await underway.end();
    expect(await outcome).toBe(false);
    expect([opened.crm.room.occupied, opened.crm.leases]).toEqual([0, 1]);
    res.close();
    expect(opened.crm.leases).toBe(0);
  });

  it('requests wait within the bounds of a boot, with the same codes', async () => {
    const opened = open('active', { APP_SUPERVISOR_MAX_WAITING: '1', APP_SUPERVISOR_WAIT_TIMEOUT: '2' });
    const underway = command(opened);
    const first = visit(opened, { url: API });
    const second = visit(opened, { url: API });
    expect(await second.outcome).toBe(true);
    expect([second.res.statusCode, second.res.json.error.code]).toEqual([503, 'APP_TOO_MANY_WAITING']);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await first.outcome).toBe(true);
    expect([first.res.statusCode, first.res.json.error.code]).toEqual([503, 'APP_WAIT_TIMEOUT']);
    expect(first.res.headers['retry-after']).toBeDefined();
    expect([opened.crm.room.occupied, opened.crm.leased]).toEqual([0, 0]);
    await underway.end();
  });

  it('a visitor who leaves frees the place at once', async () => {
    const opened = open();
    const underway = command(opened);
    const { outcome, res } = visit(opened, { url: API });
    await soon();
    res.close();
    expect(await outcome).toBe(true);
    expect([opened.crm.room.occupied, opened.crm.leased]).toEqual([0, 0]);
    await underway.end();
  });

  it('requests go on to the next command without a break, and wait for that', async () => {
    const opened = open();
    const underway = command(opened);
    const { outcome } = visit(opened, { url: API });
    await soon();
    const ended = underway.end();
    const next = command(opened);
    await ended;
    await soon();
    expect([opened.crm.room.occupied, opened.crm.leased]).toEqual([1, 0]);
    await next.end();
    expect(await outcome).toBe(false);
  });

  it('requests find their application on its way down when its instance ends meanwhile', async () => {
    const opened = open();
    const underway = command(opened);
    const { outcome } = visit(opened, { url: API });
    await soon();
    opened.crm.condition = { state: 'draining', since: 0, reason: 'upgrade' };
    opened.crm.flight.hold.open();
    await soon();
    expect([opened.crm.wakes, opened.crm.leases]).toEqual([1, 1]);
    opened.crm.up();
    expect(await outcome).toBe(false);
    await underway.end();
  });

  it('pages and requests to other applications pass', async () => {
    const opened = open();
    const underway = command(opened);
    expect(await visit(opened, { url: '/apps/crm/admin/' }).outcome).toBe(false);
    expect(visit(opened, { url: MAINS }).outcome).toBe(false);
    await underway.end();
  });
});

describe('while the main application executes a command of its own', () => {
  it.each([MAINS, '/files/main/x', '/api/__app/main/x'])('a request to it waits: %s', async (url) => {
    const opened = open();
    const underway = mainCommand(opened);
    const { outcome, res } = visit(opened, { url });
    expect(outcome).toBeInstanceOf(Promise);
    await jest.advanceTimersByTimeAsync(10_000);
    expect([res.headersSent, underway.begun.mock.calls.length]).toEqual([false, 1]);
    await underway.end();
    expect(await outcome).toBe(false);
    expect(visit(opened, { url: MAINS }).outcome).toBe(false);
  });

  it.each(['/', '/admin/', '/static/x.js', '/api/__health_check'])(
    'what does not need it passes without a promise: %s',
    async (url) => {
      const opened = open();
      const underway = mainCommand(opened);
      expect(visit(opened, { url }).outcome).toBe(false);
      await underway.end();
    },
  );

  it('a TLS proxy is answered, and requests to applications pass', async () => {
    const opened = open();
    const underway = mainCommand(opened);
    opened.crm.condition = { state: 'running', since: 0 };
    const asked = visit(opened, { url: '/api/appSupervisor:ask?domain=crm.localhost' });
    expect([await asked.outcome, asked.res.statusCode]).toEqual([true, 200]);
    expect(await visit(opened, { url: API }).outcome).toBe(false);
    await underway.end();
  });

  it('requests wait within the bounds of a start, with the same codes', async () => {
    const opened = open('active', { APP_SUPERVISOR_MAX_WAITING: '1', APP_SUPERVISOR_WAIT_TIMEOUT: '2' });
    const underway = mainCommand(opened);
    const first = visit(opened, { url: MAINS });
    const second = visit(opened, { url: MAINS });
    expect(await second.outcome).toBe(true);
    expect([second.res.statusCode, second.res.json.error.code]).toEqual([503, 'APP_TOO_MANY_WAITING']);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await first.outcome).toBe(true);
    expect([first.res.statusCode, first.res.json.error.code]).toEqual([503, 'APP_WAIT_TIMEOUT']);
    await underway.end();
  });

  it('a visitor who leaves is not waited for', async () => {
    const opened = open();
    const underway = mainCommand(opened);
    const { outcome, res } = visit(opened, { url: MAINS });
    await soon();
    res.close();
    expect(await outcome).toBe(true);
    await underway.end();
  });

  it('NocoBase answers when the command has disabled the plugin', async () => {
    const opened = open();
    const underway = mainCommand(opened);
    const { outcome } = visit(opened, { url: MAINS });
    opened.service.phase = 'off';
    await underway.end();
    expect(await outcome).toBe(false);
  });
});

describe('a command of the main application', () => {
  it('begins when the requests to it are over, and waits for no page and for no request to others', async () => {
    const opened = open();
    opened.crm.condition = { state: 'running', since: 0 };
    const inFlight = visit(opened, { url: MAINS });
    for (const url of ['/', API, '/api/__health_check']) void visit(opened, { url }).outcome;
    const underway = mainCommand(opened);
    const held = visit(opened, { url: MAINS });
    await soon();
    expect(underway.begun).not.toHaveBeenCalled();
    inFlight.res.close();
    await soon();
    expect(underway.begun).toHaveBeenCalledTimes(1);
    await underway.end();
    expect(await held.outcome).toBe(false);
  });

  it('does not wait for the request that gave it', async () => {
    const opened = open();
    const { res } = visit(opened, { url: MAINS });
    const underway = mainCommand(opened, (work) =>
      runMainRequest(res.asResponse, () => opened.door.mainCommands.run(work)),
    );
    await soon();
    expect(underway.begun).toHaveBeenCalledTimes(1);
    await underway.end();
  });

  it('waits no longer than Stop does: then requests without a response are refused, others go on', async () => {
    const opened = open('active', { APP_SUPERVISOR_DRAIN_TIMEOUT: '2' });
    const [slow, streaming, uploading] = [1, 2, 3].map(() => visit(opened, { url: MAINS }));
    if (!slow || !streaming || !uploading) throw new Error('no requests');
    slow.req.complete = true;
    streaming.req.complete = true;
    streaming.res.headersSent = true;
    const underway = mainCommand(opened);
    await jest.advanceTimersByTimeAsync(1_999);
    expect(underway.begun).not.toHaveBeenCalled();
    await soon();
    expect(underway.begun).toHaveBeenCalledTimes(1);
    expect([slow.res.statusCode, slow.res.json.error.code]).toEqual([503, 'APP_WAIT_TIMEOUT']);
    expect([streaming.res.body, streaming.res.destroyed, uploading.res.headersSent]).toEqual([undefined, false, false]);
    await underway.end();
  });

  it('does not wait for requests that wait for the former one', async () => {
    const opened = open();
    const former = mainCommand(opened);
    const held = visit(opened, { url: MAINS });
    await soon();
    const ended = former.end();
    const next = mainCommand(opened);
    await ended;
    await soon();
    expect(next.begun).toHaveBeenCalledTimes(1);
    expect(held.res.headersSent).toBe(false);
    await next.end();
    expect(await held.outcome).toBe(false);
  });
});

import { createHmac } from 'node:crypto';
import { FakeResponse } from './helpers/http';
import { MAIN_SECRET, open, visit } from './helpers/front-door-world';

const URL = '/api/app:getLang';

function tokenBy(secret: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256' })}.${part({ userId: 1 })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** A process with slots, in which an application was used a moment ago. */
function openInUse(slots = '4') {
  const opened = open('active', { APP_SUPERVISOR_LIMIT_REQUEST_SLOTS: slots });
  opened.service.limits.use.note('crm', new FakeResponse().asResponse);
  return opened;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('requests to the main application, while another one is in use', () => {
  it('without a token begin one after another, and each goes on in the end', async () => {
    const opened = openInUse();
    const first = visit(opened, { url: URL });
    expect(first.outcome).toBe(false);
    const others = Array.from({ length: 3 }, () => visit(opened, { url: URL }));
    const begun: number[] = [];
    for (const [index, { outcome, res }] of others.entries()) {
      expect(outcome).toBeInstanceOf(Promise);
      void (outcome as Promise<boolean>).then((answered) => {
        expect(answered).toBe(false);
        begun.push(index);
        res.close();
      });
    }
    expect(opened.service.limits.ofMain.slots.waiting).toBe(3);
    first.res.close();
    for (const { outcome } of others) await outcome;
    expect(begun).toEqual([0, 1, 2]);
    expect(opened.service.limits.ofMain.slots.inFlight).toBe(0);
  });

  it.each([['a signed-in user', { url: URL, headers: bearer(tokenBy(MAIN_SECRET)) }]])(
    'by %s wait for nothing',
    (_, parts) => {
      const opened = openInUse();
      visit(opened, { url: URL });
      for (let count = 0; count < 20; count += 1) expect(visit(opened, parts).outcome).toBe(false);
    },
  );

  it('for pages and scripts are sent twelve at a time', async () => {
    const opened = openInUse();
    const sent = Array.from({ length: 12 }, () => visit(opened, { url: '/admin/' }));
    expect(sent.map(({ outcome }) => outcome)).toEqual(Array(12).fill(false));
    const next = visit(opened, { url: '/assets/index.js' });
    expect(next.outcome).toBeInstanceOf(Promise);
    sent[0]?.res.close();
    expect(await next.outcome).toBe(false);
  });

  it.each([
    ['by another secret', tokenBy('another secret')],
    ['no token', 'x'],
  ])('with a token that is %s wait', async (_, token) => {
    const opened = openInUse();
    const first = visit(opened, { url: URL });
    const second = visit(opened, { url: URL, headers: bearer(token) });
    expect(second.outcome).toBeInstanceOf(Promise);
    first.res.close();
    expect(await second.outcome).toBe(false);
  });

  it('are never refused, however many wait', async () => {
    const opened = openInUse();
    const visits = Array.from({ length: 500 }, () => visit(opened, { url: URL }));
    for (const { outcome, res } of visits) {
      expect(await outcome).toBe(false);
      expect(res.headersSent).toBe(false);
      res.close();
    }
  });

  it('of visitors that have left take no turn', async () => {
    const opened = openInUse();
    const first = visit(opened, { url: URL });
    const left = visit(opened, { url: URL });
    const last = visit(opened, { url: URL });
    left.res.close();
    expect(await left.outcome).toBe(true);
    first.res.close();
    expect(await last.outcome).toBe(false);
    last.res.close();
    expect([opened.service.limits.ofMain.slots.inFlight, opened.service.limits.ofMain.slots.waiting]).toEqual([0, 0]);
  });

  it('take no turns without a limit of slots', () => {
    const opened = openInUse('0');
    for (let count = 0; count < 20; count += 1) expect(visit(opened, { url: URL }).outcome).toBe(false);
  });
});

it('requests to the main application take no turns while no other application is in use', async () => {
  const opened = open('active', { APP_SUPERVISOR_LIMIT_REQUEST_SLOTS: '4' });
  for (let count = 0; count < 20; count += 1) {
    expect(visit(opened, { url: URL }).outcome).toBe(false);
    // One in each turn of the event loop.
    await new Promise(setImmediate);
  }
});

describe('the health check of the main application', () => {
  it('is answered at once while it runs, as by the core', async () => {
    const opened = open();
    opened.service.supervisor.appStatus.main = 'running';
    const { outcome, res } = visit(opened, { url: '/api/__health_check' });
    expect([await outcome, res.statusCode, res.body, res.headers]).toEqual([true, 200, 'ok', {}]);
    expect(opened.door.traffic.size).toBe(0);
  });

  it.each(['/api/__health_check', '/api/__health_check?x', '/admin/__health_check', '/api/users:list'])(
    'is left to the core while it does not run, and other requests always are: %s',
    (url) => {
      const opened = open();
      opened.service.supervisor.appStatus.main = url === '/api/__health_check' ? 'stopped' : 'running';
      expect(visit(opened, { url }).outcome).toBe(false);
    },
  );
});

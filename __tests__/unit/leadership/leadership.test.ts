import type { SessionLock } from '../../../server/databases/session-lock';
import { Leadership, type LeadershipHost } from '../../../server/leadership/leadership';

/** A database server with one lock, which any number of processes ask for. */
class FakeServer {
  holder?: object;
  reachable = true;

  lock(onBroken: () => void): SessionLock & { break(): void } {
    const me = {};
    const ask = <T>(answer: () => T): Promise<T> =>
      this.reachable ? Promise.resolve(answer()) : Promise.reject(new Error('no answer'));
    const drop = () => {
      if (this.holder === me) this.holder = undefined;
    };
    return {
      acquire: () =>
        ask(() => {
          this.holder ??= me;
          return this.holder === me;
        }),
      isHeld: () => ask(() => this.holder === me),
      close: () => {
        drop();
        return Promise.resolve();
      },
      break: () => {
        drop();
        onBroken();
      },
    };
  }
}

interface FakeProcess {
  leadership: Leadership;
  /** All that was done, in order. */
  steps: string[];
  breakLock(): void;
  failActivation(times: number): void;
}

describe('leadership of several processes on one main database', () => {
  let server: FakeServer;
  const started: Leadership[] = [];

  beforeEach(() => {
    jest.useFakeTimers();
    server = new FakeServer();
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((leadership) => leadership.end()));
    jest.useRealTimers();
  });

  function startProcess(withLock = true): FakeProcess {
    const steps: string[] = [];
    let lock: ReturnType<FakeServer['lock']> | undefined;
    let failures = 0;
    const host: LeadershipHost = {
      openLock: (onBroken) => (withLock ? (lock = server.lock(onBroken)) : undefined),
      activate: () => {
        steps.push('activate');
        failures -= 1;
        return failures >= 0 ? Promise.reject(new Error('registry')) : Promise.resolve();
      },
      standBy: () => {
        steps.push('standBy');
        return Promise.resolve();
      },
      refresh: () => {
        steps.push('refresh');
        return Promise.resolve();
      },
      warn: () => undefined,
    };
    const leadership = new Leadership(host);
    leadership.onChange = (leads) => steps.push(leads ? 'leads' : 'follows');
    started.push(leadership);
    return {
      leadership,
      steps,
      breakLock: () => lock?.break(),
      failActivation: (times) => {
        failures = times;
      },
    };
  }

  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('the first process leads, the second one stands by and activates nothing', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    await pass(5_000);
    expect(first.steps).toEqual(['activate', 'leads']);
    expect(second.steps).toEqual(['follows', 'standBy']);
    expect(second.leadership.state).toBe('standby');
  });

  it('of ten processes that start at once, exactly one leads', async () => {
    const all = Array.from({ length: 10 }, () => startProcess());
    await Promise.all(all.map(({ leadership }) => leadership.begin()));
    await pass(3_000);
    expect(all.filter(({ leadership }) => leadership.state === 'leading')).toHaveLength(1);
  });

  it('the standby takes over within two seconds after the leader ended', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    await first.leadership.end();
    await pass(2_000);
    expect(second.leadership.state).toBe('leading');
    expect(second.steps).toEqual(['follows', 'standBy', 'activate', 'leads']);
  });

  it('a reload of the main application activates the leader again, and the standby not', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    await first.leadership.begin();
    await second.leadership.begin();
    expect(first.steps.filter((step) => step === 'activate')).toHaveLength(2);
    expect(second.steps).not.toContain('activate');
  });

  it('a leader whose connection broke gets the lock back at once and goes on', async () => {
    const process = startProcess();
    await process.leadership.begin();
    process.breakLock();
    await pass(0);
    expect(server.holder).toBeDefined();
    expect(process.leadership.state).toBe('leading');
    expect(process.steps).toEqual(['activate', 'leads']);
  });

  it('a leader that finds its lock taken by another process stands down', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    server.holder = undefined;
    await pass(1_000);
    expect(second.leadership.state).toBe('leading');
    await pass(2_000);
    expect(first.leadership.state).toBe('standby');
    expect(first.steps).toEqual(['activate', 'leads', 'follows', 'standBy']);
  });

  it('a leader that cannot reach the server goes on for some seconds, then stands down, and leads again later', async () => {
    const process = startProcess();
    await process.leadership.begin();
    server.reachable = false;
    server.holder = undefined;
    await pass(9_000);
    expect(process.leadership.state).toBe('leading');
    await pass(8_000);
    expect(process.leadership.state).toBe('standby');
    server.reachable = true;
    await pass(2_000);
    expect(process.leadership.state).toBe('leading');
    expect(process.steps).toEqual(['activate', 'leads', 'follows', 'standBy', 'activate', 'leads']);
  });

  it('a process that cannot reach the server at its start stands by and leads later', async () => {
    server.reachable = false;
    const process = startProcess();
    await process.leadership.begin();
    expect(process.leadership.state).toBe('standby');
    server.reachable = true;
    await pass(2_000);
    expect(process.leadership.state).toBe('leading');
  });

  it('a takeover whose activation fails gives the lock back and is tried again', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    second.failActivation(1);
    await first.leadership.end();
    await pass(1_000);
    expect(second.leadership.state).toBe('standby');
    expect(server.holder).toBeUndefined();
    await pass(1_000);
    expect(second.leadership.state).toBe('leading');
  });

  it('a process without a lock to ask for leads', async () => {
    const process = startProcess(false);
    await process.leadership.begin();
    expect(process.steps).toEqual(['activate', 'leads']);
  });

  it('a process that ended its part takes no lock any more', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    await second.leadership.end();
    await first.leadership.end();
    await pass(10_000);
    expect(server.holder).toBeUndefined();
    expect(second.leadership.state).toBe('none');
  });

  it('a standby reads the applications again every ten seconds', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    await pass(21_000);
    expect(second.steps.filter((step) => step === 'refresh')).toHaveLength(2);
  });

  it('a request held by a standby goes on when the process leads', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    const held = second.leadership.whenLeading();
    await first.leadership.end();
    await pass(2_000);
    await expect(held).resolves.toBeUndefined();
  });

  it('a request held by a standby is refused after 30 seconds, and later ones at once', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    const held = second.leadership.whenLeading().catch((error: unknown) => error);
    await pass(30_000);
    expect(await held).toMatchObject({ code: 'APP_SUPERVISOR_STANDBY' });
    await expect(second.leadership.whenLeading()).rejects.toMatchObject({ code: 'APP_SUPERVISOR_STANDBY' });
  });

  it('requests that a standby holds are refused when the process ends', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    const held = second.leadership.whenLeading().catch((error: unknown) => error);
    await second.leadership.end();
    expect(await held).toMatchObject({ code: 'APP_SUPERVISOR_STANDBY' });
  });
});

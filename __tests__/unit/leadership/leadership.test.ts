import type { SessionLock } from '../../../server/databases/session-lock';
import { Leadership, type LeadershipHost } from '../../../server/leadership/leadership';
import { LEADER_GRACE_MS } from '../../../src/policies/leadership';

/** The connection of one process to the server: when its questions are answered. */
class FakeLink {
  answers: 'at once' | 'after 3 s: none' | 'never' = 'at once';
  answerNow: () => void = () => undefined;
  failNow: () => void = () => undefined;

  async wait(): Promise<void> {
    if (this.answers === 'at once') return;
    await new Promise<void>((resolve, reject) => {
      [this.answerNow, this.failNow] = [resolve, () => reject(new Error('broken'))];
      if (this.answers === 'after 3 s: none') setTimeout(() => reject(new Error('no answer')), 3_000);
    });
  }
}

/** A database server with one lock, which any number of processes ask for. */
class FakeServer {
  holder?: object;
  reachable = true;

  lock(onBroken: () => void, link: FakeLink, onClose: () => void): SessionLock & { break(): void } {
    const me = {};
    const ask = async <T>(answer: () => T): Promise<T> => {
      await link.wait();
      if (!this.reachable) throw new Error('no answer');
      return answer();
    };
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
        onClose();
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
  link: FakeLink;
  activateTakes(ms: number): void;
  standByTakes(ms: number): void;
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
    const link = new FakeLink();
    const takes = { activate: 0, standBy: 0 };
    const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const host: LeadershipHost = {
      openLock: (onBroken) => (withLock ? (lock = server.lock(onBroken, link, () => steps.push('closed'))) : undefined),
      activate: async () => {
        steps.push('activate');
        failures -= 1;
        if (failures >= 0) throw new Error('registry');
        if (takes.activate) await sleep(takes.activate);
      },
      standBy: async () => {
        steps.push('standBy');
        if (!takes.standBy) return;
        await sleep(takes.standBy);
        steps.push('stood by');
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
      link,
      activateTakes: (ms) => (takes.activate = ms),
      standByTakes: (ms) => (takes.standBy = ms),
      breakLock: () => lock?.break(),
      failActivation: (times) => {
        failures = times;
      },
    };
  }

  /** Two processes with one main database: the first leads, the second stands by. */
  async function leaderAndStandby(): Promise<[FakeProcess, FakeProcess]> {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    await second.leadership.begin();
    return [first, second];
  }

  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('the first process leads, the second one stands by and activates nothing', async () => {
    const [first, second] = await leaderAndStandby();
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
    const [first, second] = await leaderAndStandby();
    await first.leadership.end();
    await pass(2_000);
    expect(second.leadership.state).toBe('leading');
    expect(second.steps).toEqual(['follows', 'standBy', 'activate', 'leads']);
  });

  it('a reload of the main application activates the leader again, and the standby not', async () => {
    const [first, second] = await leaderAndStandby();
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
    const [first, second] = await leaderAndStandby();
    server.holder = undefined;
    await pass(1_000);
    expect(second.leadership.state).toBe('leading');
    await pass(2_000);
    expect(first.leadership.state).toBe('standby');
    expect(first.steps).toEqual(['activate', 'leads', 'follows', 'standBy', 'closed']);
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
    const steps = process.steps.filter((step) => step !== 'closed');
    expect(steps).toEqual(['activate', 'leads', 'follows', 'standBy', 'activate', 'leads']);
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
    const [first, second] = await leaderAndStandby();
    second.failActivation(1);
    await first.leadership.end();
    await pass(1_000);
    expect(second.leadership.state).toBe('standby');
    expect(server.holder).toBeUndefined();
    await pass(1_000);
    expect(second.leadership.state).toBe('leading');
  });

  it('a takeover whose activation fails ends the applications before it gives the lock back', async () => {
    const [first, second] = await leaderAndStandby();
    second.failActivation(1);
    await first.leadership.end();
    await pass(1_000);
    expect(second.steps).toEqual(['follows', 'standBy', 'activate', 'standBy', 'closed']);
  });

  it('a first start whose activation fails rejects, and leaves the lock to the next process', async () => {
    const [first, second] = [startProcess(), startProcess()];
    first.failActivation(1);
    await expect(first.leadership.begin()).rejects.toThrow('registry');
    expect(first.leadership.state).toBe('none');
    await second.leadership.begin();
    expect(second.leadership.state).toBe('leading');
  });

  it('a leader that gets no answer keeps the lock, and goes on after the next answer', async () => {
    const [first, second] = await leaderAndStandby();
    first.link.answers = 'after 3 s: none';
    await pass(6_000);
    first.link.answers = 'at once';
    await pass(60_000);
    expect(first.steps).toEqual(['activate', 'leads']);
    expect(second.steps).not.toContain('activate');
  });

  it.each(['after 3 s: none', 'never'] as const)(
    'a leader that gets no answer (%s) during the grace gives the lock away after its applications have ended',
    async (answers) => {
      const [first, second] = [startProcess(), startProcess()];
      first.standByTakes(20_000);
      await first.leadership.begin();
      await second.leadership.begin();
      first.link.answers = answers;
      await pass(LEADER_GRACE_MS - 1_000);
      expect(first.leadership.state).toBe('leading');
      await pass(3_000);
      expect(first.steps).toEqual(['activate', 'leads', 'follows', 'standBy']);
      await pass(15_000);
      expect(second.leadership.state).toBe('standby');
      await pass(6_000);
      expect(first.steps).toEqual(['activate', 'leads', 'follows', 'standBy', 'stood by', 'closed']);
      expect(second.leadership.state).toBe('leading');
    },
  );

  it('a lock that the server grants after the leader stood down is closed', async () => {
    const [first, second] = [startProcess(), startProcess()];
    await first.leadership.begin();
    first.link.answers = 'never';
    first.breakLock();
    await pass(LEADER_GRACE_MS + 1_000);
    expect(first.leadership.state).toBe('standby');
    await first.leadership.end();
    first.link.answerNow();
    await pass(0);
    expect(server.holder).toBeUndefined();
    await second.leadership.begin();
    expect(second.leadership.state).toBe('leading');
  });

  it('a connection that breaks during a question is replaced without a pause', async () => {
    const process = startProcess();
    await process.leadership.begin();
    process.link.answers = 'never';
    await pass(2_500);
    process.link.answers = 'at once';
    process.breakLock();
    process.link.failNow();
    await pass(0);
    expect(server.holder).toBeDefined();
    expect(process.leadership.state).toBe('leading');
  });

  it('an end during the first attempt: the lock that arrives late is closed, and nothing is activated', async () => {
    const process = startProcess();
    process.link.answers = 'never';
    const begun = process.leadership.begin();
    await pass(10);
    await process.leadership.end();
    process.link.answerNow();
    await begun;
    await pass(10_000);
    expect(process.steps).toEqual(['closed', 'closed']);
    expect(process.leadership.state).toBe('none');
    expect(server.holder).toBeUndefined();
  });

  it('an end during a takeover: the lock that arrives late is closed, and nothing is activated', async () => {
    const [first, second] = await leaderAndStandby();
    await first.leadership.end();
    second.link.answers = 'never';
    await pass(1_500);
    await second.leadership.end();
    second.link.answerNow();
    await pass(10_000);
    expect(second.steps).not.toContain('activate');
    expect(server.holder).toBeUndefined();
  });

  it('an end during an activation: this process does not lead afterwards', async () => {
    const process = startProcess();
    process.activateTakes(5_000);
    const begun = process.leadership.begin();
    await pass(1_000);
    await process.leadership.end();
    await pass(5_000);
    await begun;
    await pass(10_000);
    expect(process.steps).toEqual(['activate', 'closed']);
    expect(process.leadership.state).toBe('none');
  });

  it('a reload of a standby that becomes the leader meanwhile: the activation follows the standby', async () => {
    const [first, second] = await leaderAndStandby();
    second.standByTakes(5_000);
    const reloaded = second.leadership.begin();
    await first.leadership.end();
    await pass(10_000);
    await reloaded;
    expect(second.steps).toEqual(['follows', 'standBy', 'standBy', 'stood by', 'activate', 'leads']);
  });

  it('a process without a lock to ask for leads', async () => {
    const process = startProcess(false);
    await process.leadership.begin();
    expect(process.steps).toEqual(['activate', 'leads']);
  });

  it('a process that ended its part takes no lock any more', async () => {
    const [first, second] = await leaderAndStandby();
    await second.leadership.end();
    await first.leadership.end();
    await pass(10_000);
    expect(server.holder).toBeUndefined();
    expect(second.leadership.state).toBe('none');
  });

  it('a standby reads the applications again every ten seconds', async () => {
    const [, second] = await leaderAndStandby();
    await pass(21_000);
    expect(second.steps.filter((step) => step === 'refresh')).toHaveLength(2);
  });

  it('a request held by a standby goes on when the process leads', async () => {
    const [first, second] = await leaderAndStandby();
    const held = second.leadership.whenLeading();
    await first.leadership.end();
    await pass(2_000);
    await expect(held).resolves.toBeUndefined();
  });

  it('a request held by a standby is refused after 30 seconds, and later ones at once', async () => {
    const [, second] = await leaderAndStandby();
    const held = second.leadership.whenLeading().catch((error: unknown) => error);
    await pass(30_000);
    expect(await held).toMatchObject({ code: 'APP_SUPERVISOR_STANDBY' });
    await expect(second.leadership.whenLeading()).rejects.toMatchObject({ code: 'APP_SUPERVISOR_STANDBY' });
  });

  it('requests that a standby holds are refused when the process ends', async () => {
    const [, second] = await leaderAndStandby();
    const held = second.leadership.whenLeading().catch((error: unknown) => error);
    await second.leadership.end();
    expect(await held).toMatchObject({ code: 'APP_SUPERVISOR_STANDBY' });
  });
});

import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import path from 'node:path';
import { FaultFence, type Fault, type FencedProcess } from '../../server/lifecycle/fault-fence';
import { COMPILED_LOADER } from './helpers/compiled-loader';

/** Node's process, as far as faults go. */
class FakeProcess extends EventEmitter {
  captured: ((error: Error) => void) | null = null;
  taken = false;
  readonly ticks: (() => void)[] = [];

  setUncaughtExceptionCaptureCallback(callback: ((error: Error) => void) | null): void {
    if (callback && this.taken) throw Object.assign(new Error('taken'), { code: 'ERR_TAKEN' });
    this.captured = callback;
  }

  nextTick(callback: () => void): void {
    this.ticks.push(callback);
  }

  throws(error: Error, origin = 'uncaughtException'): void {
    this.emit('uncaughtExceptionMonitor', error, origin);
    this.captured?.(error);
  }
}

function build() {
  const faults: Fault[] = [];
  const obstacles: string[] = [];
  const fake = new FakeProcess();
  const fence = new FaultFence({
    onFault: (fault) => faults.push(fault),
    onObstacle: (text) => obstacles.push(text),
    process: fake as unknown as FencedProcess,
  });
  return { faults, obstacles, fake, fence };
}

const ERROR = new Error('x');

describe('the fence', () => {
  it('takes an exception for the fault of whose work it was', () => {
    const { fence, fake, faults } = build();
    fence.install();
    fence.within('crm', () => fake.throws(ERROR));
    fence.within('crm', () => fence.within('shop', () => fake.throws(ERROR)));
    fence.within('crm', () => fake.throws(ERROR, 'unhandledRejection'));
    expect(faults.map(({ app, kind, instance }) => [app, kind, instance !== undefined])).toEqual([
      ['crm', 'exception', true],
      ['shop', 'exception', true],
      ['crm', 'rejection', true],
    ]);
  });

  it('lets what is nobody’s go the way that it goes without us', () => {
    const { fence, fake, faults } = build();
    const heard: unknown[] = [];
    fake.on('uncaughtException', (...told) => heard.push(told));
    fence.install();
    fake.throws(ERROR);
    fence.within('crm', () => fence.outside(() => fake.throws(ERROR)));
    expect(heard).toEqual([
      [ERROR, 'uncaughtException'],
      [ERROR, 'uncaughtException'],
    ]);
    expect(faults).toEqual([]);
  });

  it('stands aside and throws again where nobody listens', () => {
    const { fence, fake } = build();
    fence.install();
    fake.throws(ERROR);
    expect(fake.captured).toBeNull();
    expect(fake.ticks).toHaveLength(1);
    expect(() => fake.ticks[0]?.()).toThrow(ERROR);
  });

  it('hears of rejections where others do, and is never the only one', () => {
    const { fence, fake, faults } = build();
    fence.install();
    expect(fake.listenerCount('unhandledRejection')).toBe(0);
    const ses = jest.fn();
    fake.on('unhandledRejection', ses);
    fence.install();
    fence.within('crm', () => fake.emit('unhandledRejection', ERROR));
    fake.emit('unhandledRejection', ERROR);
    expect(ses).toHaveBeenCalledTimes(2);
    expect(faults).toMatchObject([{ app: 'crm', kind: 'rejection', error: ERROR }]);
  });

  it('knows what a former instance has left behind', () => {
    const { fence, fake, faults } = build();
    fence.install();
    const left = fence.afresh('crm', () => fence.within('crm', () => () => fence.current));
    expect(left()).toBeUndefined();
    let later: () => void = () => undefined;
    fence.afresh('crm', () => {
      const { AsyncResource } = jest.requireActual<typeof import('node:async_hooks')>('node:async_hooks');
      later = AsyncResource.bind(() => fake.throws(ERROR));
    });
    later();
    fence.afresh('crm', () => undefined);
    later();
    expect(faults.map(({ instance }) => instance !== undefined)).toEqual([true, false]);
  });

  it('is no application’s work what is done about a fault', () => {
    const seen: (string | undefined)[] = [];
    const fake = new FakeProcess();
    const fence: FaultFence = new FaultFence({
      onFault: () => seen.push(fence.current),
      onObstacle: () => undefined,
      process: fake as unknown as FencedProcess,
    });
    fence.install();
    fence.within('crm', () => fake.throws(ERROR));
    expect(seen).toEqual([undefined]);
  });

  it('says so where another library has the place, and still hears of rejections', () => {
    const { fence, fake, obstacles, faults } = build();
    fake.taken = true;
    fake.on('unhandledRejection', () => undefined);
    fence.install();
    expect(obstacles).toEqual([expect.stringContaining('ERR_TAKEN')]);
    fence.within('crm', () => fake.emit('unhandledRejection', ERROR));
    expect(faults).toHaveLength(1);
  });

  it('leaves nothing when it is taken down', () => {
    const { fence, fake } = build();
    fake.on('unhandledRejection', () => undefined);
    fence.install();
    fence.install();
    fence.uninstall();
    expect(fake.captured).toBeNull();
    expect(fake.listenerCount('unhandledRejection')).toBe(1);
    expect(fake.listenerCount('uncaughtExceptionMonitor')).toBe(0);
  });
});

/** In a process of its own, with the compiled class: what Node does with it. */
describe('the fence in Node', () => {
  const source = path.resolve(__dirname, '../../server/lifecycle/fault-fence.ts');

  function run(script: string) {
    const program = `
      ${COMPILED_LOADER}
      const { FaultFence } = load(${JSON.stringify(source)});
      const fence = new FaultFence({
        onFault: ({ app, kind, error }) => console.log(app, kind, error.message),
        onObstacle: (text) => console.log('obstacle', text),
      });
      ${script}`;
    return spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 });
  }

  it('keeps the process alive for timers, ticks, listeners, files and promises of an application', () => {
    const { stdout, status } = run(`
      process.on('unhandledRejection', () => undefined);
      fence.install();
      fence.within('crm', () => {
        setTimeout(() => { throw new Error('timeout'); }, 1);
        const again = setInterval(() => { clearInterval(again); throw new Error('interval'); }, 1);
        setImmediate(() => { throw new Error('immediate'); });
        process.nextTick(() => { throw new Error('tick'); });
        require('node:fs').readFile('/', () => { throw new Error('file'); });
        require('node:net').connect(1, '127.0.0.1');
        void (async () => { await new Promise((done) => setTimeout(done, 1)); throw new Error('async'); })();
      });
      setTimeout(() => { fence.uninstall(); console.log('alive'); }, 500);
    `);
    const told = stdout.trim().split('\n').sort();
    expect(told).toEqual(
      [
        'alive',
        'crm exception connect ECONNREFUSED 127.0.0.1:1',
        'crm exception file',
        'crm exception immediate',
        'crm exception interval',
        'crm exception tick',
        'crm exception timeout',
        'crm rejection async',
      ].sort(),
    );
    expect(status).toBe(0);
  });

  it.each([
    ['an exception', 'setTimeout(() => { throw new Error("main broke"); }, 1);'],
    ['a rejection', 'setTimeout(() => { void Promise.reject(new Error("main broke")); }, 1);'],
  ])('lets %s of nobody’s end it, as without us', (_name, fault) => {
    const keep = 'setTimeout(() => console.log("survived"), 2000);';
    const with_ = run(`fence.install(); fence.within('crm', () => undefined); ${keep} ${fault}`);
    const without = run(`${keep} ${fault}`);
    expect([with_.status, with_.stdout]).toEqual([without.status, without.stdout]);
    expect(with_.status).toBe(1);
    expect(with_.stderr).toContain('main broke');
  });
});

import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import path from 'node:path';
import { FaultFence, type Fault, type FencedProcess } from '../../server/lifecycle/fault-fence';
import { guardListeners } from '../../server/lifecycle/fault-sources';
import { COMPILED_LOADER } from './helpers/compiled-loader';

function build() {
  const faults: Fault[] = [];
  const fence = new FaultFence({
    onFault: (fault) => faults.push(fault),
    onObstacle: () => undefined,
    process: new EventEmitter() as unknown as FencedProcess,
  });
  const emitter = new EventEmitter();
  const release = guardListeners(emitter, fence.guard);
  return { faults, fence, emitter, release };
}

const ADDING = ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const;

describe('guarded listeners', () => {
  it.each(ADDING)('%s: an exception of an application is its fault, and the caller of emit goes on', (add) => {
    const { faults, fence, emitter } = build();
    const error = new Error('planted');
    fence.within('crm', () =>
      emitter[add]('x', () => {
        throw error;
      }),
    );
    expect(emitter.emit('x')).toBe(true);
    expect(faults).toMatchObject([{ app: 'crm', kind: 'exception', error }]);
  });

  it.each(ADDING)('%s: an exception of the main application reaches the caller of emit', (add) => {
    const { faults, emitter } = build();
    emitter[add]('x', () => {
      throw new Error('planted');
    });
    expect(() => emitter.emit('x')).toThrow('planted');
    expect(faults).toEqual([]);
  });

  it.each(ADDING)(
    '%s: runs the listener with its emitter, its arguments, and as the work of its application',
    (add) => {
      const { fence, emitter } = build();
      const seen: unknown[] = [];
      fence.within('crm', () =>
        emitter[add]('x', function (this: unknown, ...args: unknown[]) {
          seen.push(this, ...args, fence.current);
        }),
      );
      fence.within('shop', () => emitter.emit('x', 1, 2));
      expect(seen).toEqual([emitter, 1, 2, 'crm']);
    },
  );

  it.each(ADDING)('%s: the listener can be removed, listed and counted by its own name', (add) => {
    const { fence, emitter } = build();
    const listener = jest.fn();
    fence.within('crm', () => emitter[add]('x', listener));
    expect(emitter.listeners('x')).toEqual([listener]);
    emitter.off('x', listener);
    expect(emitter.listenerCount('x')).toBe(0);
    emitter.emit('x');
    expect(listener).not.toHaveBeenCalled();
  });

  it.each(['once', 'prependOnceListener'] as const)('%s: calls the listener once', (add) => {
    const { fence, emitter } = build();
    const listener = jest.fn(() => {
      throw new Error('planted');
    });
    fence.within('crm', () => emitter[add]('x', listener));
    emitter.emit('x');
    emitter.emit('x');
    expect(listener).toHaveBeenCalledTimes(1);
    expect(emitter.listenerCount('x')).toBe(0);
  });

  it('keeps the order of listeners that are put first', () => {
    const { fence, emitter } = build();
    const order: string[] = [];
    emitter.on('x', () => order.push('last'));
    fence.within('crm', () => emitter.prependListener('x', () => order.push('first')));
    emitter.emit('x');
    expect(order).toEqual(['first', 'last']);
  });

  it('hands on what the listener returns, so that it can be awaited', async () => {
    const { fence, emitter } = build();
    fence.within('crm', () => emitter.on('x', jest.fn().mockResolvedValue(7)));
    const [listener] = emitter.rawListeners('x');
    expect(await (listener as () => Promise<number>)()).toBe(7);
  });

  it('refuses what is no function, as Node does', () => {
    const { fence, emitter } = build();
    for (const add of ADDING) {
      expect(() => fence.within('crm', () => emitter[add]('x', 'text' as never))).toThrow(/function/);
    }
  });

  it('restores the emitter, also a prototype', () => {
    const { emitter, release } = build();
    release();
    for (const add of ADDING) expect(Object.hasOwn(emitter, add)).toBe(false);
    class Own extends EventEmitter {}
    guardListeners(Own.prototype, (callback) => callback)();
    expect(Object.getOwnPropertyNames(Own.prototype)).toEqual(['constructor']);
  });
});

describe('the events of an instance', () => {
  it('run as its own work, from wherever they are emitted', async () => {
    const { fence } = build();
    const seen: (string | undefined)[] = [];
    class Instance extends EventEmitter {
      emitAsync(event: string | symbol): Promise<boolean> {
        return Promise.resolve(this.emit(event));
      }
    }
    const app = new Instance();
    app.on('x', () => seen.push(fence.current));
    fence.encloseEvents('crm', app);
    app.emit('x');
    await app.emitAsync('x');
    fence.within('shop', () => app.emit('x'));
    expect(seen).toEqual(['crm', 'crm', 'crm']);
    expect(fence.current).toBeUndefined();
  });
});

/** In a process of its own, with the compiled files: what Node does with it. */
describe('guarded sources in Node', () => {
  const folder = path.resolve(__dirname, '../../server/lifecycle');

  function run(script: string) {
    const program = `
      ${COMPILED_LOADER}
      const { guardSources } = load(${JSON.stringify(folder)} + '/fault-sources.ts');
      let faults = 0;
      /** Ends the fence when a fault was told, or after 20 seconds without one. */
      const endAfterFault = (left = 400) => setTimeout(() => {
        if (faults === 0 && left > 0) return endAfterFault(left - 1);
        fence.uninstall();
        console.log('alive');
      }, 50);
      const fence = new (load(${JSON.stringify(folder)} + '/fault-fence.ts').FaultFence)({
        onFault: ({ app, kind, error }) => {
          faults += 1;
          console.log(app, kind, error && error.message || String(error));
        },
        onObstacle: (text) => console.log('obstacle', text),
        guardSources: (guard) => guardSources(guard, []),
      });
      process.on('unhandledRejection', () => undefined);
      ${script}`;
    return spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 });
  }

  const told = (stdout: string) => stdout.trim().split('\n').sort();

  it.each([
    ['a microtask', `queueMicrotask(() => { throw new Error('x'); })`],
    ['a microtask of a microtask', `queueMicrotask(() => queueMicrotask(() => { throw new Error('x'); }))`],
    ['a microtask of a timer', `setTimeout(() => queueMicrotask(() => { throw new Error('x'); }), 1)`],
    ['a microtask after a promise', `Promise.resolve().then(() => queueMicrotask(() => { throw new Error('x'); }))`],
    ['a timer of a microtask', `queueMicrotask(() => setTimeout(() => { throw new Error('x'); }))`],
    ['a tick', `process.nextTick(() => { throw new Error('x'); })`],
    ['a tick of a microtask', `queueMicrotask(() => process.nextTick(() => { throw new Error('x'); }))`],
    ['a signal', `process.on('SIGUSR2', () => { throw new Error('x'); }); process.kill(process.pid, 'SIGUSR2')`],
    [
      'a warning',
      `process.once('warning', () => { throw new Error('x'); }); setTimeout(() => fence.outside(() => process.emitWarning('w')))`,
    ],
    [
      'an event of process',
      `process.on('mine', () => { throw new Error('x'); }); fence.outside(() => process.emit('mine'))`,
    ],
    [
      'a message port',
      `const c = new MessageChannel(); c.port2.on('message', () => { c.port2.close(); throw new Error('x'); }); c.port1.postMessage(1)`,
    ],
    [
      'a broadcast',
      `const [a, b] = [new BroadcastChannel('y'), new BroadcastChannel('y')]; b.onmessage = () => { a.close(); b.close(); throw new Error('x'); }; a.postMessage(1)`,
    ],
    [
      'a worker',
      `new (require('node:worker_threads').Worker)('require("worker_threads").parentPort.postMessage(1)', { eval: true }).on('message', () => { throw new Error('x'); })`,
    ],
  ])('an exception of %s of an application is its fault, and the process lives', (_name, script) => {
    const { stdout, status } = run(`
      fence.install();
      fence.within('crm', () => { ${script}; });
      endAfterFault();
    `);
    expect(told(stdout)).toEqual(['alive', 'crm exception x']);
    expect(status).toBe(0);
  });

  it.each(['undefined', 'null', '"text"', '{}', 'Object.create(null, { message: { value: "bare" } })'])(
    'a microtask that throws %s does not end the process either',
    (value) => {
      const { stdout, status } = run(`
        fence.install();
        fence.within('crm', () => queueMicrotask(() => { throw ${value}; }));
        setTimeout(() => { fence.uninstall(); console.log('alive'); }, 100);
      `);
      expect(stdout).toMatch(/^crm exception .*\nalive\n$/);
      expect(status).toBe(0);
    },
  );

  it.each([
    ['the body', `req.on('data', () => { throw new Error('x'); }); req.on('end', () => res.end())`],
    ['the end of the body', `req.resume(); req.once('end', () => { res.end(); throw new Error('x'); })`],
    ['the end of the response', `res.on('finish', () => { throw new Error('x'); }); res.end()`],
    ['the close of the response', `res.prependListener('close', () => { throw new Error('x'); }); res.end()`],
    ['a visitor who leaves', `req.on('close', () => { throw new Error('x'); }); setTimeout(() => asked.destroy(), 50)`],
  ])('an exception of a listener of a request (%s) is the fault of its application', (_name, script) => {
    const { stdout, status } = run(`
      fence.install();
      const http = require('node:http');
      const server = http.createServer((req, res) => fence.within('crm', () => { ${script}; }));
      let asked;
      server.listen(0, () => {
        asked = http.request({ port: server.address().port, method: 'POST' }, (res) => res.resume());
        asked.on('error', () => undefined);
        asked.end('body');
      });
      setTimeout(() => { server.close(); server.closeAllConnections(); fence.uninstall(); console.log('alive'); }, 400);
    `);
    expect(told(stdout)).toEqual(['alive', 'crm exception x']);
    expect(status).toBe(0);
  });

  it('a microtask of the main application ends the process, as without us', () => {
    const script = `setTimeout(() => console.log('survived'), 500); queueMicrotask(() => { throw new Error('main broke'); });`;
    const [with_, without] = [run(`fence.install(); ${script}`), run(script)];
    expect([with_.status, with_.stdout]).toEqual([without.status, without.stdout]);
    expect(with_.stderr).toContain('main broke');
  });

  it('refuses a microtask that is no function, and restores the global', () => {
    const { stdout } = run(`
      const before = queueMicrotask;
      fence.install();
      try { fence.within('crm', () => queueMicrotask('text')); } catch (error) { console.log(error.code); }
      fence.uninstall();
      console.log(before === queueMicrotask, Object.hasOwn(process, 'on'));
    `);
    expect(stdout).toBe('ERR_INVALID_ARG_TYPE\ntrue false\n');
  });
});

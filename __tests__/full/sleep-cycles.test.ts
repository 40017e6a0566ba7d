import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { EventEmitter } from 'node:events';
import { Gateway } from '@nocobase/server';
import { connectionManagerOf } from '../../server/core';
import { describeWithPostgres, InProcessApp } from '../helpers/in-process-app';

const PLUGINS = ['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth'];
const CYCLES = 100;
/** Cycles in which caches of the process fill that are there to stay. */
const WARM_UP = 20;
/** MB a cycle, by least squares over the cycles after the warm-up. */
const LARGEST_SLOPE = 0.005;
/** V8's machine code lies in the heap as well, and grows as long as anything new becomes hot. */
const MACHINE_CODE = ['opt', 'sparkplug'];

function slope(values: number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const above = values.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0);
  const below = values.reduce((sum, _value, index) => sum + (index - middle) ** 2, 0);
  return above / below;
}

/** A hundred times awake and asleep: everything is back where it began. */
describeWithPostgres('a hundred wakes and sleeps of one application', () => {
  let app: InProcessApp;
  let name: string;

  beforeAll(async () => {
    app = await InProcessApp.start({ env: { LOGGER_TRANSPORT: 'dailyRotateFile', APP_SUPERVISOR_IDLE_TIMEOUT: '0' } });
    await app.listen();
    name = app.name('crm');
    await app.create({ name, options: { plugins: PLUGINS } });
    for (const kind of MACHINE_CODE) setFlagsFromString(`--no-${kind}`);
  });

  afterAll(async () => {
    for (const kind of MACHINE_CODE) setFlagsFromString(`--${kind}`);
    await app?.end();
  });

  it('leave no memory, handle, listener, timer or connection behind', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    const runner = app.service.runner(name);
    const emitters: EventEmitter[] = [app.supervisor, app.main, process, Gateway.getInstance()];
    const settled = async () => {
      await app.until('no connection is left', async () => !(await app.connections()).includes(name), 10_000);
      // Log files and the loops of the event queue end by themselves.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const resources = process.getActiveResourcesInfo();
      const isSocket = (kind: string) => kind === 'TCPSocketWrap';
      return {
        // The main application's own come and go with its use.
        sockets: resources.filter(isSocket).length - connectionManagerOf(app.main.db).pool.size,
        resources: resources.filter((kind) => !isSocket(kind) && !/^FS|Immediate/.test(kind)).sort(),
        listeners: emitters.map((emitter) => emitter.eventNames().map((event) => emitter.listenerCount(event))),
        entries: Object.keys(app.supervisor.appStatus).concat(Object.keys(app.supervisor.lastMaintainingMessage)),
      };
    };
    const cycle = async () => {
      await runner?.wake();
      expect(await runner?.sleep('idle', () => true)).toBe(true);
    };
    await cycle();
    const before = await settled();
    const heaps: number[] = [];
    for (let round = 0; round < CYCLES; round += 1) {
      await cycle();
      if (round >= WARM_UP) heaps.push(heap());
    }
    let after = await settled();
    // The main application's own timers come and go, too; what is left behind stays.
    for (let look = 0; look < 5 && !isDeepStrictEqual(after, before); look += 1) after = await settled();
    expect(after).toEqual(before);
    const measured = slope(heaps);
    process.stderr.write(
      `heap ${heaps[0]?.toFixed(1)} -> ${heaps.at(-1)?.toFixed(1)} MB, ${measured.toFixed(4)} MB a cycle\n`,
    );
    expect(measured).toBeLessThan(LARGEST_SLOPE);

    await runner?.wake();
    const instance = new WeakRef(app.supervisor.apps[name] as object);
    expect(await runner?.sleep('idle', () => true)).toBe(true);
    await app.until('the instance is collected', async () => {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return instance.deref() === undefined;
    });
  });
});

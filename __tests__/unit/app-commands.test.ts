import type { Application } from '@nocobase/server';
import { gateAppCommands, type AppCommandsHost } from '../../server/lifecycle/app-commands';
import { codeOf, expectOrder, flush, gate, RunnerWorld } from './helpers/runner-world';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

/** An application that runs, and the commands of its instance. */
async function running(env: Record<string, string> = {}) {
  const world = new RunnerWorld({}, 'asleep', env);
  await world.runner.wake();
  const appStatus: Record<string, string> = {};
  const appErrors: Record<string, Error> = {};
  const supervisor = { apps: world.apps, appStatus, appErrors, logger: { warn: jest.fn() } };
  const host = { supervisor, config: world.config, runner: () => world.runner } as unknown as AppCommandsHost;
  const work = gate();
  const command = jest.fn(() => work.promise);
  const app = world.apps.crm as unknown as Application;
  Object.assign(app, { runAsCLI: command, restart: command, reload: command });
  gateAppCommands(app, host);
  const give = () => app.runAsCLI(['restart'], { from: 'user' });
  return { world, flight: world.runner.flight, app, command, work, give, appStatus, appErrors };
}

describe('a command of a sub-application', () => {
  it('begins when the requests in flight are over, and those that arrive meanwhile wait', async () => {
    const { flight, world, command, work, give } = await running();
    const release = world.runner.lease();
    const given = give();
    await flush();
    expect([flight.hold.isDraining, command.mock.calls.length]).toEqual([true, 0]);
    release();
    await flush();
    expect([flight.hold.isDraining, command.mock.calls.length, flight.hold.ended !== undefined]).toEqual([
      false,
      1,
      true,
    ]);
    work.open();
    await given;
    expect([flight.hold.ended, flight.requests, world.runner.state]).toEqual([undefined, 0, 'running']);
    expect(flight.endings).toBe(0);
  });

  it('waits no longer than Stop does, and refuses those that have no response then', async () => {
    const { world, command, work, give } = await running({ APP_SUPERVISOR_DRAIN_TIMEOUT: '2' });
    const cut = jest.fn();
    world.runner.lease(true, cut);
    const given = give();
    await jest.advanceTimersByTimeAsync(1_999);
    expect([cut.mock.calls.length, command.mock.calls.length]).toEqual([0, 0]);
    await jest.advanceTimersByTimeAsync(1);
    expect(cut).toHaveBeenCalledWith(expect.objectContaining({ code: 'APP_WAIT_TIMEOUT' }), 'command');
    expect(command).toHaveBeenCalledTimes(1);
    work.open();
    await given;
  });

  it('keeps the application awake', async () => {
    const { world, work, give } = await running();
    const given = give();
    await flush();
    expect(await world.runner.sleep('idle', () => true)).toBe(false);
    work.open();
    await given;
    expect(await world.runner.sleep('idle', () => true)).toBe(true);
    expectOrder(world);
  });

  it.each(['stop', 'restart'] as const)(
    'is waited for by an operator’s %s, and holds no request any more',
    async (word) => {
      const { world, flight, work, give } = await running();
      const given = give();
      await flush();
      const ended = flight.hold.ended as Promise<void>;
      const said = word === 'stop' ? world.runner.stop('operator') : world.runner.restart();
      await flush();
      await ended;
      expect([world.runner.state, flight.hold.ended, world.alive.length]).toEqual(['draining', undefined, 1]);
      work.open();
      await Promise.all([given, said]);
      await flush();
      expect(world.runner.state).toBe(word === 'stop' ? 'stopped' : 'running');
      expectOrder(world);
    },
  );

  it('that never ends does not keep an operator’s Stop from its end', async () => {
    const { world, flight, give } = await running({ APP_SUPERVISOR_DRAIN_TIMEOUT: '2' });
    void give();
    await flush();
    const stopped = world.runner.stop('operator');
    await jest.advanceTimersByTimeAsync(2_000);
    await stopped;
    expect([world.runner.state, world.alive, flight.requests]).toEqual(['stopped', [], 0]);
    await world.runner.start();
    expect([world.runner.state, flight.hold.ended]).toEqual(['running', undefined]);
    expectOrder(world);
  });

  it('that leaves the instance broken counts as a failure, and the application comes back by itself', async () => {
    const { world, work, give, appStatus, appErrors } = await running();
    const given = give();
    await flush();
    appStatus.crm = 'error';
    appErrors.crm = new Error('Planted-4712: a migration');
    work.open();
    await given;
    await flush();
    const { state, lastError } = world.runner.describe();
    expect([state, lastError?.code, lastError?.step]).toEqual(['failed', 'APP_BOOT_FAILED', 'run']);
    expect(lastError?.message).not.toContain('Planted');
    await jest.advanceTimersByTimeAsync(1_000);
    await world.runner.wake();
    expect([world.runner.state, world.constructed]).toEqual(['running', 2]);
    expectOrder(world);
  });

  it('hands its error on, and changes nothing of an application that goes on', async () => {
    const { world, flight, work, give } = await running();
    const given = codeOf(give());
    await flush();
    work.fail(new Error('planted'));
    expect([await given, flight.hold.ended, world.runner.state]).toEqual(['planted', undefined, 'running']);
  });

  it('of an instance that ends passes at once', async () => {
    const { world, flight, command, work, give } = await running();
    const release = world.runner.lease();
    const stopped = world.runner.stop('operator');
    await flush();
    const given = give();
    expect([flight.hold.ended, command.mock.calls.length]).toEqual([undefined, 1]);
    work.open();
    release();
    await Promise.all([given, stopped]);
    expect(world.runner.state).toBe('stopped');
  });
});

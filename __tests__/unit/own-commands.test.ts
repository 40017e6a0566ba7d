import type { Application } from '@nocobase/server';
import { CommandHold } from '../../server/lifecycle/command-hold';
import { deferred } from '../../server/lifecycle/deferred';
import { gateCommands, type CommandGate } from '../../server/lifecycle/own-commands';

/** As much of an instance as its commands go through. */
class FakeInstance {
  activatedCommand: object | null = null;
  readonly journal: string[] = [];
  underway: Promise<void> = Promise.resolve();

  async runAsCLI([name]: string[]): Promise<string | undefined> {
    if (this.activatedCommand) return undefined;
    this.activatedCommand = {};
    this.journal.push(`begin ${name}`);
    await this.restart();
    this.activatedCommand = null;
    this.journal.push(`end ${name}`);
    return name;
  }

  async restart(): Promise<void> {
    await this.reload();
  }

  async reload(): Promise<void> {
    this.journal.push('reload');
    await this.underway;
  }
}

function world(drain: () => Promise<void> = () => Promise.resolve()) {
  const app = new FakeInstance();
  const hold = new CommandHold();
  const gate: CommandGate = { hold, run: (command) => hold.run(drain, command) };
  let open = true;
  gateCommands(app as unknown as Application, () => (open ? gate : undefined));
  const close = () => {
    open = false;
  };
  return { app, hold, close };
}

describe('the commands of an instance', () => {
  it.each([
    ['a command', (app: FakeInstance) => app.runAsCLI(['pm'])],
    ['a restart without a command', (app: FakeInstance) => app.restart()],
    ['a reload without a command', (app: FakeInstance) => app.reload()],
  ])('drain once and hold requests until they have ended: %s', async (_, give) => {
    const drained = deferred();
    const drain = jest.fn(() => drained.promise);
    const { app, hold } = world(drain);
    const given = give(app);
    expect([hold.isDraining, app.journal]).toEqual([true, []]);
    drained.resolve();
    await given;
    expect([drain.mock.calls.length, hold.ended]).toEqual([1, undefined]);
    expect(app.journal.filter((line) => line === 'reload')).toEqual(['reload']);
  });

  it('go on as without the gate while no request reaches the instance', async () => {
    const drain = jest.fn(() => Promise.resolve());
    const { app, close } = world(drain);
    close();
    expect(await app.runAsCLI(['start'])).toBe('start');
    await app.restart();
    expect(drain).not.toHaveBeenCalled();
  });

  it('are ignored while another one drains or runs, as NocoBase does', async () => {
    const [drained, done] = [deferred(), deferred()];
    const { app } = world(() => drained.promise);
    app.underway = done.promise;
    const first = app.runAsCLI(['pm']);
    expect(await app.runAsCLI(['restart'])).toBeUndefined();
    drained.resolve();
    await new Promise(setImmediate);
    expect(await app.runAsCLI(['restart'])).toBeUndefined();
    done.resolve();
    expect(await first).toBe('pm');
    expect(app.journal).toEqual(['begin pm', 'reload', 'end pm']);
  });

  it('wait for the drain of another one, if a plugin reloads the instance without a command', async () => {
    const drained = deferred();
    const { app } = world(() => drained.promise);
    const first = app.runAsCLI(['pm']);
    const reload = app.reload();
    await new Promise(setImmediate);
    expect(app.journal).toEqual([]);
    drained.resolve();
    await Promise.all([first, reload]);
    expect(app.journal).toEqual(['begin pm', 'reload', 'reload', 'end pm']);
  });

  it('pass one gate only, however often it is put up', async () => {
    const { app, hold } = world();
    const again = jest.fn();
    gateCommands(app as unknown as Application, again);
    await app.runAsCLI(['pm']);
    expect([again.mock.calls.length, hold.ended]).toEqual([0, undefined]);
  });
});

import { confineRunner, endScripts, type ScriptRunner } from '../../../server/nocobase/workflow-scripts';

interface Script {
  source: string;
  timeout?: number;
  signal?: AbortSignal;
  finish(): void;
}

/** A class that runs scripts, each until it is finished or aborted. */
function world() {
  const scripts: Script[] = [];
  let app: string | undefined = 'crm';
  const runner: ScriptRunner = {
    run: (source, _args, { timeout, signal }) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        scripts.push({ source, timeout, signal, finish: () => resolve(source) });
      }),
  };
  confineRunner(runner, () => app);
  const run = (source: string, options: { timeout?: number; signal?: AbortSignal } = {}) => {
    const result = runner.run(source, {}, options);
    result.catch(() => undefined);
    return result;
  };
  return { scripts, run, as: (name: string | undefined) => (app = name), runner };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('scripts of workflows', () => {
  it.each([
    [undefined, 900_000],
    [0, 900_000],
    [-1, 900_000],
    [1_000, 1_000],
    [86_400_000, 900_000],
  ])('have a time limit: %p ms in the node is %p', async (timeout, expected) => {
    const { scripts, run } = world();
    const result = run('one', { timeout });
    expect(scripts[0]?.timeout).toBe(expected);
    scripts[0]?.finish();
    expect(await result).toBe('one');
  });

  it('run four at a time in one application; the next begins when one ends, or fails', async () => {
    const { scripts, run, as } = world();
    const results = ['a', 'b', 'c', 'd', 'e', 'f'].map((source) => run(source));
    await settled();
    expect(scripts.map(({ source }) => source)).toEqual(['a', 'b', 'c', 'd']);
    as('erp');
    void run('of another application');
    await settled();
    expect(scripts.at(-1)?.source).toBe('of another application');
    scripts[1]?.finish();
    expect(await results[1]).toBe('b');
    await settled();
    expect(scripts.at(-1)?.source).toBe('e');
    for (const name of ['crm', 'erp']) endScripts(name);
    await settled();
  });

  it('end with their application, and those that wait do not begin', async () => {
    const { scripts, run } = world();
    const results = Array.from({ length: 6 }, (_, index) => run(String(index)));
    await settled();
    endScripts('crm');
    for (const result of results) await expect(result).rejects.toMatchObject({ code: 'APP_STOPPED' });
    expect(scripts).toHaveLength(4);
    expect(scripts.every(({ signal }) => signal?.aborted)).toBe(true);
    const next = run('after it');
    await settled();
    scripts.at(-1)?.finish();
    expect(await next).toBe('after it');
  });

  it('end when their workflow is cancelled', async () => {
    const { run } = world();
    const cancel = new AbortController();
    const result = run('one', { signal: cancel.signal });
    cancel.abort(new Error('cancelled'));
    await expect(result).rejects.toThrow('cancelled');
  });

  it('are refused when too many wait', async () => {
    const { run } = world();
    for (let count = 0; count < 204; count += 1) void run('one');
    await expect(run('one more')).rejects.toMatchObject({ code: 'APP_BUSY' });
    endScripts('crm');
    await settled();
  });

  it('of the main application are not bounded', async () => {
    const { scripts, run, as } = world();
    as(undefined);
    for (let count = 0; count < 10; count += 1) void run('one');
    await settled();
    expect(scripts).toHaveLength(10);
    expect(scripts[0]?.timeout).toBeUndefined();
    for (const { finish } of scripts) finish();
  });

  it('are confined once, however many applications load the class', async () => {
    const { scripts, run, runner } = world();
    const { run: method } = runner;
    confineRunner(runner, () => 'erp');
    expect(runner.run).toBe(method);
    const result = run('one');
    scripts[0]?.finish();
    expect(await result).toBe('one');
  });
});

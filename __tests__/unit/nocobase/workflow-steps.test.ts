import { ComputingTime } from '../../../server/nocobase/computing-time';
import { Turns } from '../../../server/nocobase/turns';
import { spreadInstruction } from '../../../server/nocobase/workflow-steps';

type Step = (...given: unknown[]) => Promise<unknown>;

function instructionOf(type: string, run: (...given: unknown[]) => unknown) {
  const instruction: { run: Step; resume?: Step } = { run: run as Step };
  spreadInstruction(type, instruction, new Turns(), new ComputingTime('crm'));
  return instruction;
}

const busy = (ms: number) => {
  for (const end = performance.now() + ms; performance.now() < end;);
};
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'passes',
    (error: { code?: unknown }) => error.code,
  );

describe('the steps of a workflow', () => {
  it('that wait for nothing let others be served', async () => {
    const { run } = instructionOf('calculation', () => busy(1));
    let served = 0;
    const others = setInterval(() => (served += 1), 1);
    for (let step = 0; step < 100; step += 1) await run({}, {}, {});
    clearInterval(others);
    expect(served).toBeGreaterThan(3);
  });

  it('return what NocoBase returns, and keep its object', async () => {
    const instruction = instructionOf('output', function (this: unknown, ...given: unknown[]) {
      return [this === instruction, ...given];
    });
    expect(await instruction.run(1, 2, 3)).toEqual([true, 1, 2, 3]);
    expect(instruction.resume).toBeUndefined();
  });

  it('of a loop that its condition skips are ended', async () => {
    const { run } = instructionOf('loop', () => {
      for (;;);
    });
    expect(await codeOf(run({}, {}, {}))).toBe('APP_VALUE_INVALID');
    const short = instructionOf('loop', () => Promise.resolve('done'));
    expect(await short.run({}, {}, {})).toBe('done');
  });

  it('of one run are 50,000 at most', async () => {
    const { run } = instructionOf('variable', () => undefined);
    const [processor, other] = [{}, {}];
    for (let step = 0; step < 50_000; step += 1) await run({}, {}, processor);
    expect(await codeOf(run({}, {}, processor))).toBe('APP_VALUE_INVALID');
    expect(await codeOf(run({}, {}, other))).toBe('passes');
  });
});

import { LoopTurns } from '../../server/lifecycle/loop-turns';

/** The turns of the event loop that pass until all tasks have run, and the order in which they ran. */
async function runAll(turns: LoopTurns, tasks: number) {
  const ran: number[] = [];
  for (let task = 0; task < tasks; task += 1) turns.run(() => ran.push(task));
  const after: number[] = [ran.length];
  while (ran.length < tasks && after.length < 1_000) {
    await new Promise((resolve) => setImmediate(resolve));
    after.push(ran.length);
  }
  return { ran, after };
}

describe('turns of the event loop', () => {
  it('turns: the first task runs at once, one further task in each turn, in order', async () => {
    const turns = new LoopTurns();
    expect(await runAll(turns, 5)).toEqual({ ran: [0, 1, 2, 3, 4], after: [1, 2, 3, 4, 5] });
    expect(turns.waiting).toBe(0);
  });

  it('turns: after a quiet turn a task runs at once again', async () => {
    const turns = new LoopTurns();
    await runAll(turns, 2);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await runAll(turns, 1)).toEqual({ ran: [0], after: [1] });
  });

  it('turns: a task that adds another one leaves it for the next turn', async () => {
    const turns = new LoopTurns();
    const ran: string[] = [];
    turns.run(() => {
      ran.push('first');
      turns.run(() => ran.push('second'));
    });
    expect(ran).toEqual(['first']);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(ran).toEqual(['first', 'second']);
  });
});

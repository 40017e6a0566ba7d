import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { ComputingTime } from './computing-time';
import { Turns } from './turns';

/**
 * Workflow nodes run one after another in the shared thread, most of them without a pause in between. A loop node also counts
 * without a pause while its condition is false. A workflow with a large loop would block all applications.
 */

/** The longest stretch of a loop that its condition skips. */
const TIME = { maxMs: 500, freeMs: 5 };
const LOOP = 'loop';

type Step = (...given: unknown[]) => unknown;

interface Instruction {
  run?: Step;
  resume?: Step;
}

interface WorkflowPlugin {
  instructions?: { getEntities?: () => IterableIterator<[string, Instruction]> };
}

const guarded = new WeakSet<Instruction>();

/** The nodes that one run of a workflow may visit: it keeps the result of each in memory. */
const MAX_STEPS = 50_000;

/** The steps of each run so far. */
const steps = new WeakMap<object, number>();

function countStep(processor: unknown): void {
  if (typeof processor !== 'object' || processor === null) return;
  const count = (steps.get(processor) ?? 0) + 1;
  steps.set(processor, count);
  if (count <= MAX_STEPS) return;
  const reason = phrase('one run has more than {limit} steps', { limit: MAX_STEPS });
  throw new AppError('APP_VALUE_INVALID', { field: 'workflow', reason });
}

/** Makes a node wait for its turn before it runs. */
export function spreadInstruction(type: string, instruction: Instruction, turns: Turns, time: ComputingTime): void {
  if (guarded.has(instruction)) return;
  guarded.add(instruction);
  for (const method of ['run', 'resume'] as const) {
    const original = instruction[method];
    if (typeof original !== 'function') continue;
    const compute = (given: unknown[]) => original.apply(instruction, given);
    instruction[method] = async (...given) => {
      await turns.rest();
      countStep(given[2]);
      if (type !== LOOP) return await compute(given);
      return await time.run(() => compute(given), TIME, LOOP, 'its condition skips too many rounds');
    };
  }
}

/** Spreads the steps of an application's workflows over the turns of the event loop. Call it after each load. */
export function spreadSteps(app: Application): void {
  const workflow = app.pm.get('workflow') as unknown as WorkflowPlugin | undefined;
  if (!workflow) return;
  const entities = workflow.instructions?.getEntities?.();
  if (!entities) {
    const notice = 'steps of workflows are not spread: this version of NocoBase keeps its nodes in another way';
    app.log.warn(notice, { module: 'app-supervisor' });
    return;
  }
  const turns = new Turns();
  // Of its own: formulas that took long must not end loops.
  const time = new ComputingTime(app.name);
  for (const [type, instruction] of entities) spreadInstruction(type, instruction, turns, time);
}

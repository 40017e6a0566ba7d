import type { Actor, Journey, JourneyStep } from '../../src/events';

/** Writes down how an application comes up: its named steps with their times, and how it ended. */
export class JourneyLog {
  private readonly startedAt = Date.now();
  private readonly begun = performance.now();
  private readonly steps: JourneyStep[] = [];

  constructor(
    private readonly kind: Journey['kind'],
    private readonly by: Actor,
  ) {
    this.enter('queue');
  }

  /** The step before ends, this one begins. */
  enter(step: string): void {
    this.closeStep();
    this.steps.push({ step, at: this.elapsed(), ms: 0 });
  }

  /** While it is under way: the last step is the present one, and as long as it has taken so far. */
  soFar(): Journey {
    const { kind, by, startedAt } = this;
    const ms = this.elapsed();
    const steps = this.steps.map((step, index) =>
      index === this.steps.length - 1 ? { ...step, ms: ms - step.at } : step,
    );
    return { kind, by, startedAt, ms, outcome: 'pending', steps };
  }

  end(outcome: Exclude<Journey['outcome'], 'pending'>, code?: string): Journey {
    this.closeStep();
    const { kind, by, startedAt, steps } = this;
    return { kind, by, startedAt, ms: this.elapsed(), outcome, ...(code ? { code } : {}), steps };
  }

  private closeStep(): void {
    const last = this.steps.at(-1);
    if (last) last.ms = this.elapsed() - last.at;
  }

  private elapsed(): number {
    return Math.round(performance.now() - this.begun);
  }
}

export function didUpgrade({ steps }: Journey): boolean {
  return steps.some(({ step }) => step === 'upgrade');
}

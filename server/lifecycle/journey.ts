import type { Actor, Journey, JourneyStep } from '../../src/events';

/** Writes down how an application comes up: its named steps with their times, and how it ended. */
export class JourneyLog {
  private readonly startedAt = Date.now();
  private readonly begun = performance.now();
  private readonly steps: JourneyStep[] = [];

  constructor(
    private readonly kind: Journey['kind'],
    private readonly by: Actor,
  ) {}

  /** The step before ends, this one begins. */
  enter(step: string): void {
    this.closeStep();
    this.steps.push({ step, at: this.elapsed(), ms: 0 });
  }

  end(outcome: Journey['outcome'], code?: string): Journey {
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

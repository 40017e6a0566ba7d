import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { changeHost } from './host-parts';
import { boundedProgram, explainOutcome } from './script-output';

/**
 * JavaScript nodes of workflows run in worker threads. NocoBase bounds neither their number nor, unless the node says
 * so, their time and what they log and return, and a script goes on when its application has ended.
 */

/** How many scripts of one application run at a time. Each can keep one processor busy. */
const AT_ONCE = 4;
/** Scripts of one application that wait for their turn. */
const MAX_WAITING = 200;
/** The longest time limit of a script in milliseconds. A script without a time limit in its node gets this one. */
const MAX_MS = 15 * 60_000;

interface RunOptions {
  timeout?: number;
  signal?: AbortSignal;
}

type Run = (source: string, args: object, options: RunOptions) => Promise<unknown>;

/** The class of NocoBase that runs a script in a thread of its own. */
export interface ScriptRunner {
  run: Run;
  /** The path of the program of the thread, or its address. */
  readonly workerScript?: string | URL;
}

/** The scripts of one application. */
class Scripts {
  private readonly ends = new Set<AbortController>();
  private readonly waiting: (() => void)[] = [];
  private active = 0;

  constructor(private readonly name: string) {}

  get isIdle(): boolean {
    return this.ends.size === 0;
  }

  /** Runs a script when it is its turn. The signal is aborted at the end of the application. */
  async run<T>(script: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.waiting.length >= MAX_WAITING) throw new AppError('APP_BUSY', { name: this.name });
    const end = new AbortController();
    this.ends.add(end);
    try {
      if (this.active >= AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
      else this.active += 1;
      try {
        end.signal.throwIfAborted();
        return await script(end.signal);
      } finally {
        // The next one takes the place over.
        const next = this.waiting.shift();
        if (next) next();
        else this.active -= 1;
      }
    } finally {
      this.ends.delete(end);
    }
  }

  endAll(): void {
    for (const end of this.ends) end.abort(new AppError('APP_STOPPED', { name: this.name }));
  }
}

/** Lets the threads of applications run the bounded program in the place of NocoBase's. */
function boundOutput(runner: ScriptRunner, current: () => string | undefined): void {
  const original = Object.getOwnPropertyDescriptor(runner, 'workerScript');
  if (!original?.get || !original.configurable) return;
  const programs = new Map<string, URL>();
  Object.defineProperty(runner, 'workerScript', {
    ...original,
    get(): string | URL {
      const script = original.get?.call(runner) as string;
      if (current() === undefined) return script;
      const program = programs.get(script) ?? boundedProgram(script);
      programs.set(script, program);
      return program;
    },
  });
}

const running = new Map<string, Scripts>();
const confined = new WeakSet<ScriptRunner>();

/**
 * Runs work of an application that takes a thread, in the place of a script: it waits for its turn.
 * @param work its signal is aborted at the end of the application
 * @throws APP_BUSY if too much waits, APP_STOPPED if the application ended while it waited
 */
export async function runAsScript<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const scripts = running.get(name) ?? new Scripts(name);
  running.set(name, scripts);
  try {
    return await scripts.run(work);
  } finally {
    if (scripts.isIdle && running.get(name) === scripts) running.delete(name);
  }
}

/**
 * Bounds the scripts of applications in number, time and output, and lets `endScripts` end them. Scripts of the main application
 * stay as they are. Does its work once for each class.
 * @param current returns the ID of the application that runs code now; undefined for the main application
 */
export function confineRunner(runner: ScriptRunner, current: () => string | undefined): void {
  if (confined.has(runner)) return;
  confined.add(runner);
  boundOutput(runner, current);
  const original = runner.run.bind(runner);
  runner.run = async (source, args, options) => {
    const name = current();
    if (name === undefined) return original(source, args, options);
    const timeout = Math.min(options.timeout && options.timeout > 0 ? options.timeout : MAX_MS, MAX_MS);
    const outcome = await runAsScript(name, (end) => {
      const signal = options.signal ? AbortSignal.any([options.signal, end]) : end;
      return original(source, args, { ...options, timeout, signal });
    });
    return explainOutcome(outcome);
  };
}

/** Ends the scripts of an application; those that wait do not begin any more. */
export function endScripts(name: string): void {
  running.get(name)?.endAll();
}

/** Confines the scripts of an instance. A version of NocoBase with another class is logged. */
export function confineScripts(app: Application, current: () => string | undefined): void {
  app.on('afterLoad', () => {
    if (!app.pm.get('workflow-javascript')) return;
    const notice = 'scripts of workflows are not bounded: this version of NocoBase runs them in another way';
    changeHost(app, notice, (load) => {
      const module = load('@nocobase/plugin-workflow-javascript/dist/server/ScriptWorkerRunner.js') as {
        ScriptWorkerRunner: ScriptRunner;
      };
      confineRunner(module.ScriptWorkerRunner, current);
    });
  });
  app.on('beforeStop', () => endScripts(app.name));
}

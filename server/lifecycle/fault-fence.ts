import type { Guard } from './fault-sources';
import { enterEnclosure, ownEnclosure, runEnclosed, type Enclosure } from './work-context';

/**
 * - `exception`: thrown where nobody could catch it: in a timer, in an event's listener.
 * - `rejection`: of a promise that nobody waits for.
 */
export type FaultKind = 'exception' | 'rejection';

export interface Fault {
  app: string;
  kind: FaultKind;
  error: unknown;
  /** Epoch milliseconds. */
  at: number;
  /** Whose it is, when it comes of the present instance and not of a timer that a former one has left behind. */
  instance: object | undefined;
}

/** As much of an instance as its events go through. */
interface AsyncEmitter {
  emit(event: string | symbol, ...args: unknown[]): boolean;
  emitAsync(event: string | symbol, ...args: unknown[]): Promise<boolean>;
}

export interface FenceOptions {
  /** Told of each fault of an application; must not throw. */
  onFault: (fault: Fault) => void;
  /** Told what keeps the fence from standing. */
  onObstacle: (message: string) => void;
  /** Binds callbacks that lose their application on the way; returns how to take that back. */
  guardSources?: (guard: Guard) => () => void;
  process?: FencedProcess;
}

/** As much of Node's `process` as the fence stands on. */
export type FencedProcess = Pick<
  NodeJS.Process,
  'on' | 'off' | 'listenerCount' | 'nextTick' | 'setUncaughtExceptionCaptureCallback'
> & { emit(event: 'uncaughtException', error: Error, origin: NodeJS.UncaughtExceptionOrigin): boolean };

/**
 * Tells whose fault it is when something throws where nobody catches it, and keeps the process alive when it is an
 * application's. What an application sets off (its boot, its requests) runs within its enclosure; timers, promises and
 * sockets inherit it (`AsyncLocalStorage`). A fault outside of every enclosure takes the way that it takes without us:
 * under NocoBase's launcher SES ends the process at an exception, and reports a rejection.
 *
 * The context is one for the process, which has one fence.
 *
 * Some callbacks lose that context on the way (`fault-sources.ts`); they are bound to it when they are handed over. The
 * listeners of an `EventTarget`, of another's emitter and of a `FinalizationRegistry` cannot be told apart: a fault of
 * theirs counts as the main application's.
 */
export class FaultFence {
  private readonly present = new Map<string, Enclosure>();
  private readonly process: FencedProcess;
  private origin: NodeJS.UncaughtExceptionOrigin = 'uncaughtException';
  private captures = false;
  private listens = false;
  private releaseSources?: () => void;

  constructor(private readonly options: FenceOptions) {
    // Node's types leave this event out.
    this.process = options.process ?? process;
  }

  /** Runs `work` as the application's own. */
  within<T>(app: string, work: () => T): T {
    return runEnclosed(this.present.get(app) ?? this.enclose(app), work);
  }

  /** The same for the work of a new instance: what its predecessor has left behind no longer counts as its own. */
  afresh<T>(app: string, work: () => T): T {
    return runEnclosed(this.enclose(app), work);
  }

  /** Runs `work` as nobody's: it belongs to the main application, whoever has set it off. */
  outside<T>(work: () => T): T {
    return runEnclosed(undefined, work);
  }

  /** From here to the end of this event, and what it sets off, all is the application's; nobody's without a name. */
  enter(app: string | undefined): void {
    enterEnclosure(app === undefined ? undefined : (this.present.get(app) ?? this.enclose(app)));
  }

  /**
   * Binds a callback to the application at work: it runs as the application's own wherever it is called, and what it
   * throws is reported as a fault, not thrown. Outside of every application, returns the callback itself.
   */
  readonly guard: Guard = (callback) => {
    const enclosure = ownEnclosure();
    if (!enclosure) return callback;
    const report = (error: unknown) => runEnclosed(enclosure, () => this.report('exception', error));
    const guarded = function (this: unknown, ...args: unknown[]): unknown {
      try {
        return runEnclosed(enclosure, () => callback.apply(this, args));
      } catch (error) {
        return void report(error);
      }
    };
    return guarded as typeof callback;
  };

  /** Runs the listeners of an application's own emitter as its work, from wherever the event is emitted. */
  encloseEvents(app: string, emitter: AsyncEmitter): void {
    const emit = emitter.emit.bind(emitter);
    const emitAsync = emitter.emitAsync.bind(emitter);
    emitter.emit = (...event) => (this.current === app ? emit(...event) : this.within(app, () => emit(...event)));
    emitter.emitAsync = (...event) =>
      this.current === app ? emitAsync(...event) : this.within(app, () => emitAsync(...event));
  }

  /** Whose work is being done. */
  get current(): string | undefined {
    return ownEnclosure()?.app;
  }

  /** The work at hand, by its instance; undefined for that of the main application. */
  get enclosure(): Enclosure | undefined {
    return ownEnclosure();
  }

  /** The work of the instance of an application that is being constructed, or runs. */
  enclosureOf(app: string): Enclosure {
    const { enclosure } = this;
    return enclosure?.app === app ? enclosure : (this.present.get(app) ?? this.enclose(app));
  }

  /** The application is gone for good. */
  forget(app: string): void {
    this.present.delete(app);
  }

  /**
   * May be repeated. After SES has put its own listeners up, so that a rejection is told to both; where nobody listens
   * for rejections, Node makes exceptions of them.
   */
  install(): void {
    if (!this.captures) this.capture();
    if (this.captures) this.releaseSources ??= this.options.guardSources?.(this.guard);
    if (!this.listens && this.process.listenerCount('unhandledRejection') > 0) {
      this.process.on('unhandledRejection', this.onRejection);
      this.listens = true;
    }
  }

  private capture(): void {
    try {
      this.process.setUncaughtExceptionCaptureCallback(this.onException);
    } catch (error) {
      // One a process: another library has it, or the deprecated `domain` module is in use.
      const { code } = error as { code?: string };
      this.options.onObstacle(`exceptions of applications are not told from others: ${code ?? String(error)}`);
      return;
    }
    this.process.on('uncaughtExceptionMonitor', this.onMonitor);
    this.captures = true;
  }

  uninstall(): void {
    if (this.captures) {
      this.process.setUncaughtExceptionCaptureCallback(null);
      this.process.off('uncaughtExceptionMonitor', this.onMonitor);
    }
    if (this.listens) this.process.off('unhandledRejection', this.onRejection);
    this.releaseSources?.();
    this.releaseSources = undefined;
    this.captures = false;
    this.listens = false;
  }

  private enclose(app: string): Enclosure {
    const enclosure = { app };
    this.present.set(app, enclosure);
    return enclosure;
  }

  /** Node tells here, and nowhere else, of what kind the exception is that comes next. */
  private readonly onMonitor = (_error: Error, origin: NodeJS.UncaughtExceptionOrigin): void => {
    this.origin = origin;
  };

  private readonly onException = (error: Error): void => {
    const kind = this.origin === 'unhandledRejection' ? 'rejection' : 'exception';
    if (!this.report(kind, error)) this.passOn(error);
  };

  private readonly onRejection = (reason: unknown): void => {
    if (this.report('rejection', reason)) return;
    // Without us nobody would have listened, and Node would have made an exception of it.
    if (this.process.listenerCount('unhandledRejection') === 1) this.passOn(reason as Error);
  };

  private report(kind: FaultKind, error: unknown): boolean {
    const enclosure = ownEnclosure();
    if (!enclosure) return false;
    const { app } = enclosure;
    // Whatever is done about it is not the application's work.
    runEnclosed(undefined, () => {
      const instance = this.present.get(app) === enclosure ? enclosure : undefined;
      this.options.onFault({ app, kind, error, at: Date.now(), instance });
    });
    return true;
  }

  /** The way of an exception in a process without us. */
  private passOn(error: Error): void {
    if (this.process.emit('uncaughtException', error, this.origin)) return;
    this.uninstall();
    this.process.nextTick(() => {
      throw error;
    });
  }
}

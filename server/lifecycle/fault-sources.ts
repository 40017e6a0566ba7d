import type { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';

type Listener = (this: unknown, ...args: unknown[]) => unknown;
type Add = (this: Emitter, event: string | symbol, listener: Listener) => unknown;
type Adding = 'on' | 'addListener' | 'prependListener' | 'once' | 'prependOnceListener';
type Emitter = Record<Adding, Add> & Pick<EventEmitter, 'removeListener'>;

/** Returns a new function, bound to the application at work; outside of every application, the callback itself. */
export type Guard = <T extends Listener>(callback: T) => T;

/** Node keeps a wrapped listener with the original as `listener`; by it, `removeListener` finds the wrapped one. */
function asWrapped(run: Listener & { listener?: Listener }, original: Listener): Listener {
  run.listener = original;
  return run;
}

function callOnce(emitter: Emitter, event: string | symbol, guarded: Listener, original: Listener): Listener {
  const run = asWrapped(function (...args) {
    emitter.removeListener(event, run);
    return guarded.apply(this, args);
  }, original);
  return run;
}

/** The same method, which gives the listener of an application to `add` in a wrapped form. */
function guardedMethod(method: Add, add: Add, guard: Guard, once: boolean): Add {
  return function (event, listener) {
    const guarded = typeof listener === 'function' ? guard(listener) : listener;
    if (guarded === listener) return method.call(this, event, listener);
    const kept = once ? callOnce(this, event, guarded, listener) : asWrapped(guarded, listener);
    return add.call(this, event, kept);
  };
}

/**
 * Binds every listener that an application adds to an emitter, or to the emitters of a prototype. An exception of such a
 * listener is then the application's fault, and does not reach the emitter's caller.
 * @returns restores the emitter; listeners that were added meanwhile stay bound
 */
export function guardListeners(emitter: object, guard: Guard): () => void {
  const target = emitter as Emitter;
  const { on, addListener, prependListener, once, prependOnceListener } = target;
  const methods: Record<Adding, Add> = {
    on: guardedMethod(on, on, guard, false),
    addListener: guardedMethod(addListener, addListener, guard, false),
    prependListener: guardedMethod(prependListener, prependListener, guard, false),
    once: guardedMethod(once, on, guard, true),
    prependOnceListener: guardedMethod(prependOnceListener, prependListener, guard, true),
  };
  const before = Object.keys(methods).map((name) => [name, Object.getOwnPropertyDescriptor(target, name)] as const);
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
  }
  return () => {
    for (const [name, descriptor] of before) {
      // Another library has replaced it since, and calls ours.
      if (target[name as Adding] !== methods[name as Adding]) continue;
      if (descriptor) Object.defineProperty(target, name, descriptor);
      else Reflect.deleteProperty(target, name);
    }
  };
}

/** Binds the microtasks of applications: Node tells the context of every other callback that throws, but not of these. */
function guardMicrotasks(guard: Guard): () => void {
  const original = globalThis.queueMicrotask;
  const guarded: typeof queueMicrotask = (callback) => {
    original(typeof callback === 'function' ? guard(callback) : callback);
  };
  globalThis.queueMicrotask = guarded;
  return () => {
    if (globalThis.queueMicrotask === guarded) globalThis.queueMicrotask = original;
  };
}

/**
 * Binds the callbacks that lose their application on the way: microtasks, the listeners of what the process has once for
 * all, and those of requests and their responses, which the parser calls.
 * @param shared the emitters of the process that applications reach
 * @returns takes it all back
 */
export function guardSources(guard: Guard, shared: readonly object[]): () => void {
  const emitters = [process, IncomingMessage.prototype, ServerResponse.prototype, ...shared];
  const restore = [guardMicrotasks(guard), ...emitters.map((emitter) => guardListeners(emitter, guard))];
  return () => {
    for (const undo of restore.reverse()) undo();
  };
}

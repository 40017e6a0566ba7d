import { useEffect, useRef } from 'react';
import { Refresher } from '../refresher';
import { useSupervisor } from '../supervisor-context';

/** How long nothing is asked where nothing is told; the socket tells most of it, and may be gone unnoticed. */
const RESTING_MS = { connected: 60_000, alone: 15_000 };

/** For what changes by itself, without anybody telling. */
export const WATCHING_MS = 5_000;
/** For what is about to change. */
export const MOVING_MS = 2_000;

interface Freshness {
  /** Whether it is asked for at each word of the server that something has changed, whatever it is. */
  told?: boolean;
}

/**
 * Calls again when the server tells of a change, when the tab is shown again, and now and then: after `everyMs` where it is
 * given. `work` must not throw.
 */
export function useFresh(work: () => Promise<void>, everyMs?: number, { told = true }: Freshness = {}): void {
  const { live } = useSupervisor();
  const latest = useRef({ work, everyMs });
  const refresher = useRef<Refresher>();
  useEffect(() => {
    const before = latest.current.everyMs ?? Infinity;
    latest.current = { work, everyMs };
    // Not to sit out a long wait that was begun before.
    if ((everyMs ?? Infinity) < before) refresher.current?.poke();
  });

  useEffect(() => {
    const own = new Refresher({
      work: () => latest.current.work(),
      interval: () => latest.current.everyMs ?? RESTING_MS[live.connected ? 'connected' : 'alone'],
      hidden: () => document.hidden,
    });
    refresher.current = own;
    const onShown = () => own.poke();
    const leave = told ? live.subscribe(() => own.poke()) : undefined;
    document.addEventListener('visibilitychange', onShown);
    own.start();
    return () => {
      leave?.();
      document.removeEventListener('visibilitychange', onShown);
      own.stop();
    };
  }, [live, told]);
}

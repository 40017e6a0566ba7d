import { useEffect, useRef } from 'react';

/** Calls again `interval` milliseconds after the call before ended; rests while the tab is hidden, catches up when shown. */
export function usePolling(callback: () => Promise<void>, interval: number): void {
  const latest = useRef(callback);
  useEffect(() => {
    latest.current = callback;
  });

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const tick = async () => {
      clearTimeout(timer);
      if (!document.hidden) await latest.current();
      if (ended) return;
      clearTimeout(timer);
      timer = setTimeout(() => void tick(), interval);
    };
    const onVisible = () => {
      if (!document.hidden) void tick();
    };
    timer = setTimeout(() => void tick(), interval);
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [interval]);
}

import { Tooltip } from 'antd';
import { useEffect, useReducer } from 'react';
import { exactTime, relativeTime } from '../formats';
import { useLanguage } from '../locale';

/** How often what is told as "3 minutes ago" is told anew. */
const TICK_MS = 15_000;

interface MomentProps {
  /** ISO time, or epoch milliseconds. */
  at: string | number;
}

/** A time as distance from now; the exact one on hover and on keyboard focus. */
export function Moment({ at }: MomentProps) {
  const language = useLanguage();
  const [, tick] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(tick, TICK_MS);
    return () => clearInterval(timer);
  }, []);
  const time = new Date(at).getTime();
  return (
    <Tooltip title={exactTime(time, language)}>
      <time dateTime={new Date(time).toISOString()} tabIndex={0}>
        {relativeTime(time, Date.now(), language)}
      </time>
    </Tooltip>
  );
}

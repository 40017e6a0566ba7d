import type { StartMode } from '../src/app-record';

/** The start modes as an administrator reads them. */
export const START_MODE_TEXTS: Record<StartMode, { label: string; help: string }> = {
  lazy: { label: 'On first visit', help: 'Started by its first visitor, put to sleep when nobody uses it.' },
  eager: { label: 'With NocoBase', help: 'Started after the main application is up, and kept awake.' },
  manual: { label: 'Manually', help: 'Started and stopped by an administrator only.' },
};

/**
 * The events of an application's timeline: what happened to it in this process, kept (bounded) in the collection
 * `applicationEvents` and told by `applications:events`. Documented in `docs/lifecycle.md`; a test compares the two. What is
 * `routine` comes by itself, and as often as it likes: it must not push out of the timeline what somebody did.
 */
export const APP_EVENT_TYPES = {
  created: { label: 'Created' },
  woken: { label: 'Woken', routine: true },
  started: { label: 'Started' },
  restarted: { label: 'Restarted' },
  slept: { label: 'Put to sleep', routine: true },
  stopped: { label: 'Stopped' },
  ended: { label: 'Ended by itself', routine: true },
  failed: { label: 'Failed', routine: true },
  quarantined: { label: 'Quarantined' },
  updated: { label: 'Changed' },
  upgraded: { label: 'Upgraded' },
  fault: { label: 'Fault', routine: true },
  limited: { label: 'Limit reached', routine: true },
  removed: { label: 'Deleted' },
  restored: { label: 'Restored' },
  purged: { label: 'Permanently deleted' },
  cloned: { label: 'Cloned' },
  isolated: { label: 'Isolated' },
  exported: { label: 'Exported' },
  'export-failed': { label: 'Export failed' },
  imported: { label: 'Imported' },
  'import-failed': { label: 'Import failed' },
  'database-accepted': { label: 'Database accepted' },
  'password-reset': { label: 'Password reset' },
  'archive-downloaded': { label: 'Archive downloaded' },
  'archive-deleted': { label: 'Archive deleted' },
} as const satisfies Record<string, { label: string; routine?: true }>;

export type AppEventType = keyof typeof APP_EVENT_TYPES;

/** The types of events that come by themselves. */
export const ROUTINE_EVENTS = (Object.keys(APP_EVENT_TYPES) as AppEventType[]).filter(
  (type) => 'routine' in APP_EVENT_TYPES[type],
);

/** Who or what made something happen. */
export type Actor =
  /** Somebody who is signed in to the main application, or a program with an API key of his. */
  | {
      kind: 'user';
      id: string | number;
      name?: string;
      /** In which he acted. */
      role?: string;
      /** The name of the API key, where it was one; empty where that is not known. */
      apiKey?: string;
      /** The network address of the client. */
      address?: string;
    }
  /** Somebody at the command line of the machine: his name in the operating system. */
  | { kind: 'operator'; name: string }
  /** A request of an application: its API, the opening of its page, a message on its socket. */
  | { kind: 'visitor'; via: 'request' | 'page' | 'socket' }
  /** Scheduled work of the application that was due. */
  | { kind: 'schedule' }
  /** The supervisor itself, or another plugin: a start mode, a limit, the end of the process. */
  | { kind: 'system' };

export const SYSTEM: Actor = { kind: 'system' };

/** Work that is under way, and keeps a call from being carried out. */
export interface Operation {
  kind: (typeof OPERATION_KINDS)[number];
  /** Null where it is about several. */
  application: string | null;
  /** ISO time. */
  since: string;
  by: Actor;
}

export const OPERATION_KINDS = [
  ...(['creation', 'clone', 'import', 'export', 'upgrade', 'removal', 'restore', 'purge'] as const),
] as const;

/** One step of a boot, a making or an upgrade: `at` in ms since its begin, `ms` long. */
export interface JourneyStep {
  step: string;
  at: number;
  ms: number;
}

/** How an application came up, or how far it came. */
export interface Journey {
  kind: 'wake' | 'making' | 'upgrade';
  by: Actor;
  /** Epoch milliseconds. */
  startedAt: number;
  ms: number;
  /** `pending` while it is under way. */
  outcome: 'pending' | 'running' | 'stopped' | 'failed';
  /** The error code of a failed one; its last step is the one that failed. */
  code?: string;
  steps: JourneyStep[];
}

export interface AppEvent {
  application: string;
  type: AppEventType;
  /** Epoch milliseconds. */
  at: number;
  by: Actor;
  /** Why: `idle`, `operator`, an error code … */
  reason?: string;
  journey?: Journey;
  /** A sentence for the administrator; never a stack or a secret. */
  message?: string;
}

import type { FirstAdministrator } from '../../src/first-administrator';
import type { Arguments } from './arguments';
import type { Say } from './language';
import type { SupervisorLine } from './line';
import type { Terminal } from './terminal';

/** One command that is being carried out. */
export interface Session {
  line: SupervisorLine;
  terminal: Terminal;
  say: Say;
  env: NodeJS.ProcessEnv;
  arguments: Arguments;
  /** Whether scripts read the answer. */
  json: boolean;
  /** Said at Ctrl-C: what becomes of the work that was asked for. */
  interruption?: string;
  /** Aborted at Ctrl-C. */
  stop: AbortSignal;
  /** What is put in order after that, before the command ends; never rejects. */
  cleanUp?: Promise<unknown>;
  /** Whether half of what is written to standard output is of no use. */
  wholeOutput?: boolean;
}

/** Carries out one verb; answers with the exit code. */
export type Verb = (session: Session) => Promise<number>;

/** An application as REST tells of it; only what is shown here. */
export interface ApplicationView {
  name: string;
  displayName?: string | null;
  state: string;
  stateSince: string | null;
  stateReason: string | null;
  startMode: string;
  lastError: { code: string; message: string; step?: string; at: string } | null;
  retryAt: string | null;
  journey: { outcome: string; ms: number; steps: { step: string }[] } | null;
  lastVisitedAt: string | null;
  nextDueAt: string | null;
  createdAt?: string;
  removedAt: string | null;
  purgeAt: string | null;
  address: { path: string; hosts: string[]; url: string };
  databasePlace: { dialect: string; type: string; host?: string | null; database: string; schema?: string | null };
  icon?: string | null;
  idleTimeout?: number | null;
  keepAwake?: boolean | null;
  onSchedule?: string | null;
  pinned?: boolean | null;
  hidden?: boolean | null;
  options?: { lang?: unknown } | null;
  limits?: Record<string, number> | null;
  isolation?: { isolated: boolean; reason: string | null; sql: string | null };
  faults: { count: number } | null;
  events?: EventView[];
  /** No NocoBase runs: the database was asked. */
  offline?: true;
}

/** What `applications:details` tells besides; null for what cannot be known. */
export interface DetailsView {
  version: { core: string | null; installedCore: string };
  database: { bytes: number | null };
  administrator: FirstAdministrator | null;
}

export interface EventView {
  type: string;
  at: string | number;
  by: {
    kind: string;
    name?: string;
    id?: string | number;
    via?: string;
    apiKey?: string;
    address?: string;
  } | null;
  reason: string | null;
  message: string | null;
}

/** The answer for scripts, or for people. */
export function answer({ terminal, json }: Session, data: unknown, people: () => readonly string[]): void {
  terminal.print(json ? JSON.stringify(data, null, 2) : people().join('\n'));
}

import { useCallback, useReducer } from 'react';
import type { ApiError } from '../api-error';

/** What a dialog gets of whoever shows it. */
export interface DialogProps {
  open: boolean;
  onClose: () => void;
  /** It has closed: it is taken away, with all that was typed into it. */
  onClosed: () => void;
  /** Something was done. */
  onDone: () => void;
  /** What was handed in here has failed after it was closed. */
  onLateFailure: (failure: ApiError) => void;
}

/** `serial` counts the openings; without a subject nothing is shown. */
export interface Opening<Subject> {
  serial: number;
  open: boolean;
  subject?: Subject;
}

export type DialogChange<Subject> = { kind: 'open'; subject: Subject } | { kind: 'close' | 'closed'; serial: number };

/** An answer may come when another dialog is shown: what is not meant for that one, leaves it alone. */
export function dialogAfter<Subject>(now: Opening<Subject>, change: DialogChange<Subject>): Opening<Subject> {
  if (change.kind === 'open') return { serial: now.serial + 1, open: true, subject: change.subject };
  if (change.serial !== now.serial) return now;
  if (change.kind === 'close') return { ...now, open: false };
  return now.open ? now : { serial: now.serial, open: false };
}

interface ShownDialog<Subject> {
  /** Of this opening alone: nothing of an earlier one is left in the dialog. */
  key: number;
  subject: Subject;
  life: Pick<DialogProps, 'open' | 'onClose' | 'onClosed'>;
}

/** One dialog at a time, made anew for each opening. */
export function useDialog<Subject>(): { open: (subject: Subject) => void; shown?: ShownDialog<Subject> } {
  const [{ serial, open, subject }, change] = useReducer(dialogAfter<Subject>, { serial: 0, open: false });
  const show = useCallback((next: Subject) => change({ kind: 'open', subject: next }), []);
  if (subject === undefined) return { open: show };
  const onClose = () => change({ kind: 'close', serial });
  const onClosed = () => change({ kind: 'closed', serial });
  return { open: show, shown: { key: serial, subject, life: { open, onClose, onClosed } } };
}

import { message } from 'antd';
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import type { ApplicationRow } from '../api-types';
import { toApiError, type ApiError } from '../api-error';
import { titleOf } from '../app-title';
import { useDialog, type DialogProps } from '../hooks/use-dialog';
import { useT } from '../locale';
import { useSupervisor } from '../supervisor-context';
import { REASON_TEXTS, UPGRADE_TEXTS } from '../vocabulary';
import { CloneDrawer } from './app-form/clone-drawer';
import { CreateDrawer } from './app-form/create-drawer';
import { EditDrawer } from './app-form/edit-drawer';
import { ImportDrawer } from './app-form/import-drawer';
import { ErrorAlert } from './error-alert';
import { AcceptDatabaseDialog } from './fleet/accept-database-dialog';
import { DeleteDialog } from './fleet/delete-dialog';
import { IsolateDialog } from './fleet/isolate-dialog';
import { RemovedDrawer } from './fleet/removed-drawer';
import { ResetPasswordDialog } from './fleet/reset-password-dialog';

export type Command = 'start' | 'stop' | 'restart' | 'upgrade' | 'export';

export type Dialog =
  | { kind: 'create' | 'import' | 'removed' }
  | { kind: 'edit' | 'clone' | 'delete' | 'isolate' | 'accept-database' | 'reset-password'; row: ApplicationRow };

/** What can be done with applications, from wherever they are shown. */
interface Commands {
  act: (command: Command, row: ApplicationRow) => Promise<void>;
  /** The command of an application that is being handed in. */
  running: Readonly<Record<string, Command | undefined>>;
  open: (dialog: Dialog) => void;
}

const CommandsContext = createContext<Commands | undefined>(undefined);

export function useCommands(): Commands {
  const commands = useContext(CommandsContext);
  if (!commands) throw new Error('useCommands needs a CommandsProvider around it');
  return commands;
}

interface CommandsProviderProps {
  /** Something was done: what is shown may have changed. */
  onChanged: () => Promise<void>;
  /** An application is no longer there. */
  onRemoved: (name: string) => void;
  /** An export of an application has begun. */
  onExporting: (name: string) => void;
  children: ReactNode;
}

/** Holds the dialogs of the commands, and shows what failed. */
export function CommandsProvider({ onChanged, onRemoved, onExporting, children }: CommandsProviderProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [notice, noticeHolder] = message.useMessage();
  const [running, setRunning] = useState<Commands['running']>({});
  const [error, setError] = useState<ApiError>();
  const { open, shown } = useDialog<Dialog>();

  const act = useCallback(
    async (command: Command, row: ApplicationRow) => {
      const { name } = row;
      setRunning((before) => ({ ...before, [name]: command }));
      setError(undefined);
      try {
        if (command === 'export') {
          await api.export(name);
          onExporting(name);
        } else if (command === 'upgrade') {
          const { outcome, to } = await api.upgrade(name);
          void notice.info(t(UPGRADE_TEXTS[outcome] ?? outcome, { name: titleOf(row), version: to }));
        } else {
          await api.act(command, name);
        }
      } catch (failure) {
        setError(toApiError(failure));
      }
      await onChanged();
      setRunning((before) => ({ ...before, [name]: undefined }));
    },
    [api, notice, t, onChanged, onExporting],
  );
  const commands = useMemo(() => ({ act, running, open }), [act, running, open]);

  return (
    <CommandsContext.Provider value={commands}>
      {noticeHolder}
      <ErrorAlert error={error} onClose={() => setError(undefined)} />
      {children}
      {shown ? (
        <CommandDialog
          key={shown.key}
          {...shown.life}
          dialog={shown.subject}
          onDone={() => void onChanged()}
          onRemoved={onRemoved}
          onIsolated={({ isolation }) =>
            void notice.success(t(REASON_TEXTS[isolation?.isolated ? 'repaired' : 'isolated'] ?? ''))
          }
          onLateFailure={setError}
        />
      ) : null}
    </CommandsContext.Provider>
  );
}

interface CommandDialogProps extends DialogProps, Pick<CommandsProviderProps, 'onRemoved'> {
  dialog: Dialog;
  onIsolated: (before: ApplicationRow) => void;
}

function CommandDialog({ dialog, onRemoved, onIsolated, ...shared }: CommandDialogProps) {
  switch (dialog.kind) {
    case 'create':
      return <CreateDrawer {...shared} />;
    case 'import':
      return <ImportDrawer {...shared} />;
    case 'removed':
      return <RemovedDrawer {...shared} />;
    case 'edit':
      return <EditDrawer {...shared} row={dialog.row} />;
    case 'clone':
      return <CloneDrawer {...shared} row={dialog.row} />;
    case 'isolate':
      return <IsolateDialog {...shared} row={dialog.row} onIsolated={onIsolated} />;
    case 'reset-password':
      return <ResetPasswordDialog {...shared} row={dialog.row} />;
    case 'accept-database':
      return <AcceptDatabaseDialog {...shared} row={dialog.row} />;
    case 'delete': {
      const onDone = () => {
        onRemoved(dialog.row.name);
        shared.onDone();
      };
      return <DeleteDialog {...shared} row={dialog.row} onDone={onDone} />;
    }
  }
}

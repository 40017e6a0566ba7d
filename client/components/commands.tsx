import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import type { ApplicationRow } from '../api-types';
import { toApiError, type ApiError } from '../api-error';
import { useSupervisor } from '../supervisor-context';
import { CloneDrawer } from './app-form/clone-drawer';
import { CreateDrawer } from './app-form/create-drawer';
import { EditDrawer } from './app-form/edit-drawer';
import { ImportDrawer } from './app-form/import-drawer';
import { ErrorAlert } from './error-alert';
import { DeleteDialog } from './fleet/delete-dialog';
import { RemovedDrawer } from './fleet/removed-drawer';

export type Command = 'start' | 'stop' | 'restart' | 'upgrade' | 'export';

export type Dialog =
  { kind: 'create' | 'import' | 'removed' } | { kind: 'edit' | 'clone' | 'delete'; row: ApplicationRow };

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
  onRemoved?: (name: string) => void;
  children: ReactNode;
}

/** Holds the dialogs of the commands, and shows what failed. */
export function CommandsProvider({ onChanged, onRemoved, children }: CommandsProviderProps) {
  const { api } = useSupervisor();
  const [running, setRunning] = useState<Commands['running']>({});
  const [error, setError] = useState<ApiError>();
  const [dialog, setDialog] = useState<Dialog>();
  // What a dialog is about stays while it closes.
  const [shown, setShown] = useState(false);

  const act = useCallback(
    async (command: Command, { name }: ApplicationRow) => {
      setRunning((before) => ({ ...before, [name]: command }));
      setError(undefined);
      try {
        await (command === 'export' ? api.export(name) : api.act(command, name));
      } catch (failure) {
        setError(toApiError(failure));
      }
      await onChanged();
      setRunning((before) => ({ ...before, [name]: undefined }));
    },
    [api, onChanged],
  );
  const open = useCallback((next: Dialog) => {
    setDialog(next);
    setShown(true);
  }, []);
  const commands = useMemo(() => ({ act, running, open }), [act, running, open]);

  const shared = { open: shown, onClose: () => setShown(false), onDone: () => void onChanged() };
  return (
    <CommandsContext.Provider value={commands}>
      <ErrorAlert error={error} onClose={() => setError(undefined)} />
      {children}
      {dialog?.kind === 'create' ? <CreateDrawer {...shared} /> : null}
      {dialog?.kind === 'import' ? <ImportDrawer {...shared} /> : null}
      {dialog?.kind === 'removed' ? <RemovedDrawer {...shared} /> : null}
      {dialog?.kind === 'edit' ? <EditDrawer key={dialog.row.name} {...shared} row={dialog.row} /> : null}
      {dialog?.kind === 'clone' ? <CloneDrawer key={dialog.row.name} {...shared} row={dialog.row} /> : null}
      {dialog?.kind === 'delete' ? (
        <DeleteDialog
          {...shared}
          row={dialog.row}
          onDone={() => {
            onRemoved?.(dialog.row.name);
            void onChanged();
          }}
        />
      ) : null}
    </CommandsContext.Provider>
  );
}

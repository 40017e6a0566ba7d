import { Typography } from 'antd';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ConfirmDialog } from './confirm-dialog';

interface IsolateDialogProps extends DialogProps {
  row: ApplicationRow;
  /** It was done, with the row as it was before. */
  onIsolated: (before: ApplicationRow) => void;
}

/** Gives an application a database role of its own, or repairs it, after the interruption was confirmed. */
export function IsolateDialog({ row, onIsolated, ...dialog }: IsolateDialogProps) {
  const t = useT();
  const { api } = useSupervisor();
  const { saving, error, submit } = useSubmission(dialog);

  const confirm = async () => {
    if (!(await submit(() => api.isolate(row.name)))) return;
    onIsolated(row);
    dialog.onDone();
    dialog.onClose();
  };

  return (
    <ConfirmDialog
      {...dialog}
      title={t('Isolate "{{name}}"?', { name: titleOf(row) })}
      okText={t('Isolate')}
      saving={saving}
      error={error}
      onConfirm={confirm}
    >
      <Typography.Text>
        {t(
          'The application gets its own database role, or its role is repaired. It goes offline meanwhile and comes back by itself.',
        )}
      </Typography.Text>
    </ConfirmDialog>
  );
}

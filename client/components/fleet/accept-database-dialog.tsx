import { Typography } from 'antd';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ConfirmDialog } from './confirm-dialog';

interface AcceptDatabaseDialogProps extends DialogProps {
  row: ApplicationRow;
}

/** Accepts a database without the ownership marker of its application, and starts the application. */
export function AcceptDatabaseDialog({ row, ...dialog }: AcceptDatabaseDialogProps) {
  const t = useT();
  const { api } = useSupervisor();
  const { saving, error, submit } = useSubmission(dialog);

  const confirm = async () => {
    if (!(await submit(() => api.act('acceptDatabase', row.name)))) return;
    dialog.onDone();
    dialog.onClose();
  };

  return (
    <ConfirmDialog
      {...dialog}
      title={t('Accept the database of "{{name}}"?', { name: titleOf(row) })}
      okText={t('Accept database')}
      saving={saving}
      error={error}
      onConfirm={confirm}
    >
      <Typography.Text>
        {t('Nothing shows that the data in this database is the data of this application. Its users will see it.')}
      </Typography.Text>
    </ConfirmDialog>
  );
}

import { Flex, Modal, Typography } from 'antd';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ErrorAlert } from '../error-alert';

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
    <Modal
      title={t('Accept the database of "{{name}}"?', { name: titleOf(row) })}
      open={dialog.open}
      onCancel={dialog.onClose}
      afterClose={dialog.onClosed}
      onOk={() => void confirm()}
      okText={t('Accept database')}
      cancelText={t('Cancel')}
      confirmLoading={saving}
      styles={{ header: { overflowWrap: 'anywhere' } }}
    >
      <Flex vertical gap="middle">
        <ErrorAlert error={error} />
        <Typography.Text>
          {t('Nothing shows that the data in this database is the data of this application. Its users will see it.')}
        </Typography.Text>
      </Flex>
    </Modal>
  );
}

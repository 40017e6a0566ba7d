import { Checkbox, Flex, Form, Input, Modal, Typography } from 'antd';
import { useState } from 'react';
import type { ApplicationRow } from '../../api-types';
import { toApiError, type ApiError } from '../../api-error';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ErrorAlert } from '../error-alert';

interface DeleteDialogProps {
  row: ApplicationRow;
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

/** Removes one application: as a rule so that it can be restored. Where data goes for good, its ID is typed. */
export function DeleteDialog({ row, open, onClose, onDone }: DeleteDialogProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [dropDatabase, setDropDatabase] = useState(false);
  const [purge, setPurge] = useState(false);
  const [typed, setTyped] = useState('');
  const [working, setWorking] = useState(false);
  const [error, setError] = useState<ApiError>();
  // An application that was removed before is only ever purged.
  const removed = Boolean(row.removedAt);
  const losesData = dropDatabase || purge || removed;
  const ready = !losesData || typed === row.name;

  const reset = () => {
    setDropDatabase(false);
    setPurge(false);
    setTyped('');
    setError(undefined);
  };

  const confirm = async () => {
    setWorking(true);
    setError(undefined);
    try {
      await (removed ? api.act('purge', row.name) : api.remove(row.name, { dropDatabase, purge }));
      onDone();
      onClose();
    } catch (failure) {
      setError(toApiError(failure));
    } finally {
      setWorking(false);
    }
  };

  return (
    <Modal
      title={t(removed ? 'Delete "{{name}}" for good?' : 'Delete the application "{{name}}"?', {
        name: row.displayName || row.name,
      })}
      open={open}
      onCancel={onClose}
      afterClose={reset}
      onOk={() => void confirm()}
      okText={t(purge || removed ? 'Delete for good' : 'Delete')}
      okButtonProps={{ danger: true, disabled: !ready }}
      cancelText={t('Cancel')}
      confirmLoading={working}
    >
      <Flex vertical gap="middle">
        <ErrorAlert error={error} />
        <Typography.Text>
          {removed
            ? t('It can no longer be restored afterwards.')
            : t('It can no longer be visited. It can be restored for some days, with its data.')}
        </Typography.Text>
        {removed ? null : (
          <Flex vertical gap="small">
            <Checkbox checked={dropDatabase} onChange={({ target }) => setDropDatabase(target.checked)}>
              {t('Delete its database, too, when it is deleted for good')}
            </Checkbox>
            <Checkbox checked={purge} onChange={({ target }) => setPurge(target.checked)}>
              {t('Delete it for good at once: it cannot be restored')}
            </Checkbox>
          </Flex>
        )}
        {losesData ? (
          <Form layout="vertical" onFinish={() => void (ready && confirm())}>
            <Form.Item
              label={t('Type the ID "{{id}}" to confirm', { id: row.name })}
              htmlFor="app-supervisor-delete-id"
              style={{ marginBottom: 0 }}
            >
              <Input
                id="app-supervisor-delete-id"
                autoComplete="off"
                spellCheck={false}
                value={typed}
                onChange={({ target }) => setTyped(target.value)}
              />
            </Form.Item>
          </Form>
        ) : null}
      </Flex>
    </Modal>
  );
}

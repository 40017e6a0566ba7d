import { Checkbox, Flex, Form, Input, Typography } from 'antd';
import { useState } from 'react';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import { dayCount } from '../../formats';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useSupervisorInfo } from '../../hooks/use-supervisor-info';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ConfirmDialog } from './confirm-dialog';

interface DeleteDialogProps extends DialogProps {
  row: ApplicationRow;
}

/** Removes one application: as a rule so that it can be restored. Where data goes for good, its ID is typed. */
export function DeleteDialog({ row, ...dialog }: DeleteDialogProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [dropDatabase, setDropDatabase] = useState(false);
  const [purge, setPurge] = useState(false);
  const [typed, setTyped] = useState('');
  const { saving, error, submit } = useSubmission(dialog);
  // An application that was removed before is only ever purged.
  const removed = Boolean(row.removedAt);
  const losesData = dropDatabase || purge || removed;
  const language = useLanguage();
  const days = useSupervisorInfo().value?.removalRetentionDays ?? undefined;
  const consequence = () => {
    if (removed) return t('It cannot be restored afterwards.');
    if (purge || days === 0) {
      return dropDatabase
        ? t('The application and its database are deleted at once. Neither can be restored.')
        : t('The application is deleted at once and cannot be restored. Its database is kept.');
    }
    if (days === undefined) return t('The application goes offline. You can restore it with its data for some days.');
    const time = dayCount(days, language);
    return dropDatabase
      ? t(
          'The application goes offline. You can restore it for {{time}}; then it is permanently deleted with its database.',
          { time },
        )
      : t(
          'The application goes offline. You can restore it for {{time}}; then it is permanently deleted. Its database is kept.',
          {
            time,
          },
        );
  };
  const ready = !losesData || typed === row.name;

  const confirm = async () => {
    const done = await submit(() =>
      removed ? api.act('purge', row.name) : api.remove(row.name, { dropDatabase, purge }),
    );
    if (!done) return;
    dialog.onDone();
    dialog.onClose();
  };

  return (
    <ConfirmDialog
      {...dialog}
      title={t(removed ? 'Permanently delete "{{name}}"?' : 'Delete the application "{{name}}"?', {
        name: titleOf(row),
      })}
      okText={t(purge || removed ? 'Delete permanently' : 'Delete')}
      saving={saving}
      error={error}
      onConfirm={confirm}
      danger
      ready={ready}
    >
      {removed ? null : (
        <Flex vertical gap="small">
          <Checkbox checked={dropDatabase} onChange={({ target }) => setDropDatabase(target.checked)}>
            {t('Also drop its database on permanent deletion')}
          </Checkbox>
          <Checkbox checked={purge} onChange={({ target }) => setPurge(target.checked)}>
            {t('Delete permanently now (cannot be undone)')}
          </Checkbox>
        </Flex>
      )}
      {/* Told anew with each box that is ticked. */}
      <Typography.Text role="status">{consequence()}</Typography.Text>
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
    </ConfirmDialog>
  );
}

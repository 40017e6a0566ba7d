import { Form, Input, Typography } from 'antd';
import { useState } from 'react';
import type { ApplicationRow, ChangedPassword } from '../../api-types';
import { titleOf } from '../../app-title';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ConfirmDialog } from './confirm-dialog';

interface ResetPasswordDialogProps extends DialogProps {
  row: ApplicationRow;
}

function Changed({ id, username, email, password }: ChangedPassword) {
  const t = useT();
  const account = username ?? email ?? `#${id}`;
  if (password === null)
    return (
      <Typography.Text role="status">{t('The password of {{account}} was changed.', { account })}</Typography.Text>
    );
  return (
    <Typography.Text role="status">
      {t('The new password of {{account}} is', { account })}{' '}
      <Typography.Text code copyable>
        {password}
      </Typography.Text>
      <br />
      {t('It is not shown again.')}
    </Typography.Text>
  );
}

/** Sets the password of an administrator of an application, and shows it once. */
export function ResetPasswordDialog({ row, ...dialog }: ResetPasswordDialogProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [account, setAccount] = useState('');
  const [password, setPassword] = useState('');
  const [changed, setChanged] = useState<ChangedPassword>();
  const { saving, error, submit } = useSubmission(dialog);

  const confirm = async () => {
    if (changed) return dialog.onClose();
    const answer = await submit(() => api.resetPassword(row.name, { account, password }));
    if (!answer) return;
    setChanged(answer);
    dialog.onDone();
  };

  return (
    <ConfirmDialog
      {...dialog}
      title={t('Reset a password of "{{name}}"', { name: titleOf(row) })}
      okText={changed ? t('Close') : t('Reset password')}
      // The password is shown once.
      locked={saving || changed !== undefined}
      saving={saving}
      error={error}
      onConfirm={confirm}
    >
      {changed ? (
        <Changed {...changed} />
      ) : (
        <Form layout="vertical" onFinish={() => void confirm()}>
          <Typography.Paragraph>{t('Existing sessions of the account end.')}</Typography.Paragraph>
          <Form.Item
            label={t('Account')}
            htmlFor="app-supervisor-reset-account"
            extra={t('User name or e-mail address of an administrator. Empty: the first administrator.')}
          >
            <Input
              id="app-supervisor-reset-account"
              autoComplete="off"
              value={account}
              onChange={({ target }) => setAccount(target.value)}
            />
          </Form.Item>
          <Form.Item
            label={t('New password')}
            htmlFor="app-supervisor-reset-password"
            extra={t('Empty: a password is generated.')}
            style={{ marginBottom: 0 }}
          >
            <Input.Password
              id="app-supervisor-reset-password"
              autoComplete="new-password"
              value={password}
              onChange={({ target }) => setPassword(target.value)}
            />
          </Form.Item>
          {/* Enter hands the form in; without a button, a browser does so for one field only. */}
          <button type="submit" hidden aria-hidden tabIndex={-1} />
        </Form>
      )}
    </ConfirmDialog>
  );
}

import { Alert, Form, Input } from 'antd';
import { useT } from '../../locale';
import type { AdminValues } from './form-values';
import { RadioField } from './radio-field';

/** Who is the first administrator of a new application. */
export function AdminFields() {
  const t = useT();
  const who = Form.useWatch<AdminValues['who']>(['admin', 'who']);
  return (
    <>
      <RadioField
        name={['admin', 'who']}
        label={t('First administrator')}
        vertical
        options={[
          { value: 'me', label: t('You, with your own account') },
          { value: 'other', label: t('Another person') },
        ]}
      />
      {who === 'other' ? (
        <>
          <Form.Item
            name={['admin', 'email']}
            label={t('E-mail')}
            dependencies={[['admin', 'username']]}
            rules={[
              { type: 'email', message: t('Enter a valid e-mail address.') },
              ({ getFieldValue }) => ({
                validator: (_, value: unknown) =>
                  value || getFieldValue(['admin', 'username'])
                    ? Promise.resolve()
                    : Promise.reject(new Error(t('Enter an e-mail address or a user name.'))),
              }),
            ]}
          >
            <Input autoComplete="off" spellCheck={false} />
          </Form.Item>
          <Form.Item
            name={['admin', 'username']}
            label={t('User name')}
            rules={[{ pattern: /^[^@.<>"'/]{1,50}$/, message: t('At most 50 characters, without @ . < > " \' /') }]}
          >
            <Input autoComplete="off" spellCheck={false} />
          </Form.Item>
          <Form.Item name={['admin', 'nickname']} label={t('Nickname')}>
            <Input autoComplete="off" maxLength={255} />
          </Form.Item>
          <Form.Item
            name={['admin', 'password']}
            label={t('Password')}
            rules={[{ required: true, message: t('Enter a password.') }]}
          >
            <Input.Password autoComplete="new-password" maxLength={255} />
          </Form.Item>
        </>
      ) : (
        <Alert
          type="info"
          showIcon
          message={t('You will be the first administrator. Sign in with your current account and password.')}
        />
      )}
    </>
  );
}

import { Alert, Flex, Form, Input, Radio } from 'antd';
import { useT } from '../../locale';
import type { AdminValues } from './form-values';

/** Who is the first administrator of a new application. */
export function AdminFields() {
  const t = useT();
  const who = Form.useWatch<AdminValues['who']>(['admin', 'who']);
  return (
    <>
      <Form.Item name={['admin', 'who']} label={t('First administrator')}>
        <Radio.Group>
          <Flex vertical gap={4}>
            <Radio value="me">{t('You, with your own account')}</Radio>
            <Radio value="other">{t('Somebody else')}</Radio>
          </Flex>
        </Radio.Group>
      </Form.Item>
      {who === 'other' ? (
        <>
          <Form.Item
            name={['admin', 'email']}
            label={t('E-mail')}
            dependencies={[['admin', 'username']]}
            rules={[
              { type: 'email', message: t('This is no e-mail address.') },
              ({ getFieldValue }) => ({
                validator: (_, value: unknown) =>
                  value || getFieldValue(['admin', 'username'])
                    ? Promise.resolve()
                    : Promise.reject(new Error(t('Give an e-mail address or a user name.'))),
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
            rules={[{ required: true, message: t('Give a password.') }]}
          >
            <Input.Password autoComplete="new-password" maxLength={255} />
          </Form.Item>
        </>
      ) : (
        <Alert
          type="info"
          showIcon
          message={t(
            'You become its first administrator: sign in there with your own account and its present password.',
          )}
        />
      )}
    </>
  );
}

import { Alert, Form, Input, Modal, Radio, Space, Typography } from 'antd';
import { useState } from 'react';
import { checkAppName, suggestAppName } from '../../src/app-name';
import { START_MODES, type StartMode } from '../../src/app-record';
import { ERROR_TABLE, fillMessage, isAppError } from '../../src/errors';
import { toApiError, type ApiError } from '../api-error';
import { useT, type Translate } from '../locale';
import { START_MODE_TEXTS } from '../start-modes';
import { useSupervisor } from '../supervisor-context';
import { ErrorAlert } from './error-alert';

interface FormValues {
  displayName: string;
  name: string;
  startMode: StartMode;
  cname?: string;
}

interface CreateAppModalProps {
  open: boolean;
  onClose: () => void;
  onCreated: () => void;
}

/** The rule is the server's own; so is the sentence. */
async function validateName(t: Translate, value: unknown): Promise<void> {
  try {
    checkAppName(value ?? '');
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw new Error(fillMessage(t(ERROR_TABLE[error.code].message), error.params), { cause: error });
  }
}

export function CreateAppModal({ open, onClose, onCreated }: CreateAppModalProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [form] = Form.useForm<FormValues>();
  const [nameTouched, setNameTouched] = useState(false);
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<ApiError>();

  const reset = () => {
    form.resetFields();
    setNameTouched(false);
    setError(undefined);
  };

  const onValuesChange = (changed: Partial<FormValues>) => {
    setError(undefined);
    if (changed.name !== undefined) setNameTouched(changed.name !== '');
    else if (changed.displayName !== undefined && !nameTouched) {
      form.setFieldsValue({ name: suggestAppName(changed.displayName) });
    }
  };

  const onFinish = async (values: FormValues) => {
    setSaving(true);
    setError(undefined);
    try {
      await api.create({
        name: values.name,
        displayName: values.displayName.trim(),
        cname: values.cname?.trim() || undefined,
        startMode: values.startMode,
      });
      onCreated();
      onClose();
    } catch (failure) {
      setError(toApiError(failure));
    } finally {
      setSaving(false);
    }
  };

  return (
    <Modal
      title={t('Create application')}
      open={open}
      onCancel={onClose}
      afterClose={reset}
      okText={t('Create')}
      cancelText={t('Cancel')}
      confirmLoading={saving}
      onOk={() => form.submit()}
    >
      <ErrorAlert error={error} />
      <Form<FormValues>
        form={form}
        layout="vertical"
        initialValues={{ startMode: 'lazy' satisfies StartMode }}
        onValuesChange={onValuesChange}
        onFinish={(values) => void onFinish(values)}
      >
        <Form.Item
          name="displayName"
          label={t('Name')}
          rules={[{ required: true, whitespace: true, message: t('Give the application a name.') }, { max: 255 }]}
        >
          <Input autoFocus autoComplete="off" />
        </Form.Item>
        <Form.Item
          name="name"
          label={t('ID')}
          required
          extra={t('Part of its address and of its database name. It cannot be changed later.')}
          rules={[{ validator: (_, value: unknown) => validateName(t, value) }]}
        >
          <Input autoComplete="off" spellCheck={false} maxLength={64} />
        </Form.Item>
        <Form.Item name="startMode" label={t('Start mode')}>
          <Radio.Group>
            <Space direction="vertical">
              {START_MODES.map((mode) => (
                <Radio key={mode} value={mode}>
                  {t(START_MODE_TEXTS[mode].label)}{' '}
                  <Typography.Text type="secondary">{t(START_MODE_TEXTS[mode].help)}</Typography.Text>
                </Radio>
              ))}
            </Space>
          </Radio.Group>
        </Form.Item>
        <Form.Item
          name="cname"
          label={t('Custom domain')}
          extra={t('Optional. A host name that leads to this server, such as crm.example.com.')}
        >
          <Input autoComplete="off" spellCheck={false} />
        </Form.Item>
      </Form>
      <Alert
        type="info"
        showIcon
        message={t('You become its first administrator: sign in there with your own account and its present password.')}
      />
    </Modal>
  );
}

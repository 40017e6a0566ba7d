import { Alert, Form } from 'antd';
import { useState } from 'react';
import { suggestAppName } from '../../../src/app-name';
import type { ApplicationRow, NewApplication } from '../../api-types';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { CreationProgress } from './creation-progress';
import { FormDrawer } from './form-drawer';
import { NameFields } from './name-fields';
import { StartModeField } from './settings-fields';
import { useSubmission } from './use-submission';

interface CloneDrawerProps {
  row: ApplicationRow;
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

type CloneValues = Required<Pick<NewApplication, 'name' | 'displayName' | 'startMode'>>;

/** Makes an application with the data of another one. */
export function CloneDrawer({ row, open, onClose, onDone }: CloneDrawerProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [form] = Form.useForm<CloneValues>();
  const { saving, error, submit, forget } = useSubmission();
  const [created, setCreated] = useState<string>();
  const title = row.displayName || row.name;
  const copyTitle = t('{{name}} (copy)', { name: title });

  const onFinish = async (values: CloneValues) => {
    const copy = { ...values, displayName: values.displayName.trim() };
    if (!(await submit(() => api.clone(row.name, copy)))) return;
    setCreated(values.name);
    onDone();
  };

  return (
    <FormDrawer
      title={t('Clone "{{name}}"', { name: title })}
      open={open}
      onClose={onClose}
      onClosed={() => {
        form.resetFields();
        forget();
        setCreated(undefined);
      }}
      submitText={t('Clone')}
      onSubmit={form.submit}
      saving={saving}
      error={error}
      after={created ? <CreationProgress name={created} onChanged={onDone} /> : undefined}
    >
      <Form<CloneValues>
        form={form}
        layout="vertical"
        initialValues={{
          displayName: copyTitle,
          name: suggestAppName(copyTitle) || `${row.name.slice(0, 40)}-copy`,
          startMode: row.startMode,
        }}
        onValuesChange={forget}
        onFinish={(values) => void onFinish(values)}
      >
        <NameFields />
        <StartModeField />
      </Form>
      <Alert
        type="info"
        showIcon
        message={t(
          'It begins with a copy of the data, users and settings of the original; its custom domain is not taken over.',
        )}
      />
    </FormDrawer>
  );
}

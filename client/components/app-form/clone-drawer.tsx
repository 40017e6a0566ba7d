import { Alert, Form } from 'antd';
import { useId, useState } from 'react';
import type { ApplicationRow, NewApplication } from '../../api-types';
import { titleOf } from '../../app-title';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { CreationProgress } from './creation-progress';
import { useFieldError } from './field-error';
import { FormDrawer } from './form-drawer';
import { NameFields } from './name-fields';
import { StartModeField } from './settings-fields';

interface CloneDrawerProps extends DialogProps {
  row: ApplicationRow;
}

type CloneValues = Pick<NewApplication, 'name' | 'startMode'> & { displayName: string };

/** Makes an application with the data of another one. */
export function CloneDrawer({ row, ...dialog }: CloneDrawerProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [form] = Form.useForm<CloneValues>();
  const formId = useId();
  const { saving, error, submit, forget } = useSubmission(dialog);
  const [created, setCreated] = useState<string>();
  const title = titleOf(row);
  const general = useFieldError(form, error);

  const onFinish = async ({ name, displayName, startMode }: CloneValues) => {
    const copy = { ...(name && { name }), displayName: displayName.trim(), startMode };
    const clone = await submit(() => api.clone(row.name, copy));
    if (!clone) return;
    setCreated(clone.name);
    dialog.onDone();
  };

  return (
    <FormDrawer
      title={t('Clone "{{name}}"', { name: title })}
      {...dialog}
      formId={formId}
      submitText={t('Clone')}
      saving={saving}
      error={general}
      after={created ? <CreationProgress name={created} onChanged={dialog.onDone} /> : undefined}
    >
      <Form<CloneValues>
        id={formId}
        form={form}
        layout="vertical"
        initialValues={{ displayName: t('{{name}} (copy)', { name: title }), startMode: row.startMode }}
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
          'It starts with a copy of the data, users and settings of the original. The custom domain is not copied.',
        )}
      />
    </FormDrawer>
  );
}

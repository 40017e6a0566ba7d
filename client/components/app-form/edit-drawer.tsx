import { Collapse, Form, Input, Typography } from 'antd';
import { useId, useMemo } from 'react';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { useFieldError } from './field-error';
import { FormDrawer } from './form-drawer';
import { changesOf, settingsOf, type SettingsValues } from './form-values';
import { IconField } from './icon-field';
import { useSections } from './sections';
import {
  AddressFields,
  DisplayNameField,
  LimitFields,
  SleepFields,
  StartModeField,
  VisibilityFields,
} from './settings-fields';

interface EditDrawerProps extends DialogProps {
  row: ApplicationRow;
}

type EditValues = SettingsValues & { databasePassword?: string };

/** Changes what can be changed of an application: everything but its ID and where its data is. */
export function EditDrawer({ row, ...dialog }: EditDrawerProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [form] = Form.useForm<EditValues>();
  const formId = useId();
  const { saving, error, submit, forget } = useSubmission(dialog);
  const before = useMemo(() => settingsOf(row), [row]);
  const hasServer = row.options?.dbConnType === 'new_connection';
  // Then the new password is what somebody comes for.
  const refused = row.lastError?.code === 'APP_DATABASE_CREDENTIALS';
  const { collapse, reveal } = useSections(refused ? ['database'] : ['address', 'sleep', 'display']);
  const general = useFieldError(form, error, reveal);

  const onFinish = async () => {
    const { databasePassword, ...values } = { ...before, ...(form.getFieldsValue(true) as EditValues) };
    const changes: Parameters<typeof api.update>[1] = changesOf(before, values);
    // The server keeps the other options.
    if (databasePassword) changes.options = { database: { password: databasePassword } };
    const saved = Object.keys(changes).length === 0 || (await submit(() => api.update(row.name, changes)));
    if (!saved) return;
    dialog.onDone();
    dialog.onClose();
  };

  return (
    <FormDrawer
      title={t('Edit "{{name}}"', { name: titleOf(row) })}
      {...dialog}
      formId={formId}
      submitText={t('Save')}
      saving={saving}
      error={general}
    >
      <Form<EditValues>
        id={formId}
        form={form}
        layout="vertical"
        initialValues={before}
        scrollToFirstError
        onValuesChange={forget}
        onFinish={() => void onFinish()}
        onFinishFailed={({ errorFields }) => reveal(...errorFields.map(({ name }) => String(name[0])))}
      >
        <DisplayNameField />
        <Form.Item label={t('ID')}>
          <Typography.Text copyable>{row.name}</Typography.Text>
        </Form.Item>
        <StartModeField />
        <Collapse
          {...collapse}
          items={[
            { key: 'address', label: t('Address'), children: <AddressFields self={row.name} />, forceRender: true },
            { key: 'sleep', label: t('Sleep'), children: <SleepFields />, forceRender: true },
            { key: 'limits', label: t('Limits'), children: <LimitFields />, forceRender: true },
            {
              key: 'display',
              label: t('Display'),
              forceRender: true,
              children: (
                <>
                  <IconField name={row.name} />
                  <VisibilityFields />
                </>
              ),
            },
            ...(hasServer
              ? [
                  {
                    key: 'database',
                    label: t('Database'),
                    forceRender: true,
                    children: (
                      <Form.Item
                        name="databasePassword"
                        label={t('New database password')}
                        extra={t('Leave it empty to keep the current password.')}
                      >
                        <Input.Password autoComplete="new-password" />
                      </Form.Item>
                    ),
                  },
                ]
              : []),
          ]}
        />
      </Form>
    </FormDrawer>
  );
}

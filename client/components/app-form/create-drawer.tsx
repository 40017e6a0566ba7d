import { Collapse, Form, Select } from 'antd';
import { useId, useMemo, useState, type ReactNode } from 'react';
import { LANGUAGES } from '../../../src/language';
import type { DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { AdminFields } from './admin-fields';
import { CreationProgress } from './creation-progress';
import { DatabaseFields } from './database-fields';
import { useFieldError } from './field-error';
import { FormDrawer } from './form-drawer';
import { DEFAULT_CREATION, toCreation, type CreateValues } from './form-values';
import { IconField } from './icon-field';
import { NameFields } from './name-fields';
import { useSections } from './sections';
import { AddressFields, LimitFields, SleepFields, StartModeField, VisibilityFields } from './settings-fields';

/** Makes an application: a name is enough; everything else has a default, by section. */
export function CreateDrawer(dialog: DialogProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [form] = Form.useForm<CreateValues>();
  const formId = useId();
  const { saving, error, submit, forget } = useSubmission(dialog);
  const [created, setCreated] = useState<string>();
  const { collapse, reveal } = useSections();
  const general = useFieldError(form, error, reveal);

  const onFinish = async () => {
    // Also of sections that were never opened.
    const values = { ...DEFAULT_CREATION, ...form.getFieldsValue(true) } as CreateValues;
    const row = await submit(() => api.create(toCreation(values)));
    if (!row) return;
    setCreated(row.name);
    dialog.onDone();
  };

  const section = (key: string, label: string, children: ReactNode) => ({
    key,
    label: t(label),
    children,
    forceRender: true,
  });
  return (
    <FormDrawer
      title={t('Create application')}
      {...dialog}
      formId={formId}
      submitText={t('Create')}
      saving={saving}
      error={general}
      after={created ? <CreationProgress name={created} onChanged={dialog.onDone} /> : undefined}
    >
      <Form<CreateValues>
        id={formId}
        form={form}
        layout="vertical"
        initialValues={DEFAULT_CREATION}
        scrollToFirstError
        onValuesChange={forget}
        onFinish={() => void onFinish()}
        onFinishFailed={({ errorFields }) => reveal(...errorFields.map(({ name }) => String(name[0])))}
      >
        <NameFields />
        <StartModeField />
        <Form.Item name="lang" label={t('Language')}>
          <LanguageSelect />
        </Form.Item>
        <Collapse
          {...collapse}
          items={[
            section('database', 'Database', <DatabaseFields />),
            section('admin', 'First administrator', <AdminFields />),
            section('address', 'Address', <AddressFields />),
            section('sleep', 'Sleep', <SleepFields />),
            section('limits', 'Limits', <LimitFields />),
            section(
              'display',
              'Display',
              <>
                <IconField />
                <VisibilityFields />
              </>,
            ),
          ]}
        />
      </Form>
    </FormDrawer>
  );
}

interface LanguageSelectProps {
  id?: string;
  value?: string;
  onChange?: (code: string | undefined) => void;
}

/** Each language by its own name. */
function LanguageSelect({ id, value, onChange }: LanguageSelectProps) {
  const t = useT();
  const options = useMemo(
    () =>
      LANGUAGES.map((code) => ({
        value: code,
        label: `${new Intl.DisplayNames(code, { type: 'language' }).of(code) ?? code} (${code})`,
      })),
    [],
  );
  return (
    <Select
      id={id}
      value={value}
      onChange={onChange}
      showSearch
      allowClear
      optionFilterProp="label"
      placeholder={t('Same as NocoBase')}
      options={options}
    />
  );
}

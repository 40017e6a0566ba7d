import { Collapse, Form, Select } from 'antd';
import { useMemo, useState, type ReactNode } from 'react';
import { LANGUAGES } from '../../../src/language';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { AdminFields } from './admin-fields';
import { CreationProgress } from './creation-progress';
import { DatabaseFields } from './database-fields';
import { FormDrawer } from './form-drawer';
import { DEFAULT_CREATION, toCreation, type CreateValues } from './form-values';
import { IconField } from './icon-field';
import { NameFields } from './name-fields';
import { AddressFields, SECTION_OF, SleepFields, StartModeField, VisibilityFields } from './settings-fields';
import { useSubmission } from './use-submission';

interface CreateDrawerProps {
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

/** Makes an application: a name is enough; everything else has a default, by section. */
export function CreateDrawer({ open, onClose, onDone }: CreateDrawerProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [form] = Form.useForm<CreateValues>();
  const { saving, error, submit, forget } = useSubmission();
  const [created, setCreated] = useState<string>();
  const [sections, setSections] = useState<string[]>([]);

  const onFinish = async () => {
    // Also of sections that were never opened.
    const values = { ...DEFAULT_CREATION, ...form.getFieldsValue(true) } as CreateValues;
    const accepted = await submit(() => api.create(toCreation(values)));
    if (!accepted) return;
    setCreated(values.name);
    onDone();
  };
  const reset = () => {
    form.resetFields();
    forget();
    setCreated(undefined);
    setSections([]);
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
      open={open}
      onClose={onClose}
      onClosed={reset}
      submitText={t('Create')}
      onSubmit={form.submit}
      saving={saving}
      error={error}
      after={created ? <CreationProgress name={created} onChanged={onDone} /> : undefined}
    >
      <Form<CreateValues>
        form={form}
        layout="vertical"
        initialValues={DEFAULT_CREATION}
        scrollToFirstError
        onValuesChange={forget}
        onFinish={() => void onFinish()}
        onFinishFailed={({ errorFields }) => {
          const wrong = errorFields.map(({ name }) => SECTION_OF[name[0] as keyof typeof SECTION_OF]);
          setSections((before) => [...new Set([...before, ...wrong.filter((key) => key !== undefined)])]);
        }}
      >
        <NameFields />
        <StartModeField />
        <Form.Item name="lang" label={t('Language')}>
          <LanguageSelect />
        </Form.Item>
        <Collapse
          activeKey={sections}
          onChange={(keys) => setSections([keys].flat())}
          items={[
            section('database', 'Database', <DatabaseFields />),
            section('admin', 'First administrator', <AdminFields />),
            section('address', 'Address', <AddressFields />),
            section('sleep', 'Sleep', <SleepFields />),
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
      placeholder={t('As NocoBase is installed')}
      options={options}
    />
  );
}

import { UploadOutlined } from '@ant-design/icons';
import { Button, Form, Select, Upload } from 'antd';
import { useCallback, useId, useState } from 'react';
import type { ArchiveJob } from '../../api-types';
import { byteSize } from '../../formats';
import type { DialogProps } from '../../hooks/use-dialog';
import { useLoaded } from '../../hooks/use-loaded';
import { useSubmission } from '../../hooks/use-submission';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ArchiveJobList } from '../app-page/archive-jobs';
import { useFieldError } from './field-error';
import { FormDrawer } from './form-drawer';
import { NameFields } from './name-fields';
import { RadioField } from './radio-field';

interface ImportValues {
  source: 'server' | 'file';
  archive?: string;
  displayName: string;
  name?: string;
}

/** Makes an application from an archive: one in the server's folder, or one that is uploaded. */
export function ImportDrawer(dialog: DialogProps) {
  const t = useT();
  const language = useLanguage();
  const { api } = useSupervisor();
  const [form] = Form.useForm<ImportValues>();
  const source = Form.useWatch('source', form);
  const formId = useId();
  const { saving, error, submit, forget } = useSubmission(dialog);
  const [file, setFile] = useState<File>();
  const [job, setJob] = useState<ArchiveJob>();
  const archives = useLoaded(useCallback(() => api.listArchives(), [api]));

  const general = useFieldError(form, error);

  const onFinish = async ({ archive, displayName, name }: ImportValues) => {
    const from = source === 'file' ? file : archive;
    if (!from) return;
    const values = { ...(name && { name }), displayName: displayName.trim() };
    const begun = await submit(() => api.import(from, values));
    if (!begun) return;
    setJob(begun);
    dialog.onDone();
  };

  return (
    <FormDrawer
      title={t('Import an archive')}
      {...dialog}
      formId={formId}
      submitText={t('Import')}
      saving={saving}
      error={general ?? archives.error}
      after={job ? <ArchiveJobList only={job.id} onDone={dialog.onDone} /> : undefined}
    >
      <Form<ImportValues>
        id={formId}
        form={form}
        layout="vertical"
        initialValues={{ source: 'server' }}
        onValuesChange={forget}
        onFinish={(values) => void onFinish(values)}
      >
        <RadioField
          name="source"
          label={t('Archive')}
          options={[
            { value: 'server', label: t('On the server') },
            { value: 'file', label: t('Upload a file') },
          ]}
        />
        {source === 'file' ? (
          <Form.Item
            name="upload"
            rules={[
              { validator: () => (file ? Promise.resolve() : Promise.reject(new Error(t('Choose an archive.')))) },
            ]}
          >
            <Upload
              accept=".tar,application/x-tar"
              maxCount={1}
              onRemove={() => setFile(undefined)}
              beforeUpload={(chosen) => {
                setFile(chosen);
                // It is sent with the form, not by itself.
                return false;
              }}
            >
              <Button icon={<UploadOutlined />}>{t('Choose a file')}</Button>
            </Upload>
          </Form.Item>
        ) : (
          <Form.Item name="archive" rules={[{ required: true, message: t('Choose an archive.') }]}>
            <Select
              showSearch
              loading={archives.loading}
              placeholder={t('Choose an archive.')}
              aria-label={t('Archive')}
              options={(archives.value ?? []).map(({ name, size }) => ({
                value: name,
                label: `${name} (${byteSize(size, language)})`,
              }))}
            />
          </Form.Item>
        )}
        <NameFields />
      </Form>
    </FormDrawer>
  );
}

import { UploadOutlined } from '@ant-design/icons';
import { Button, Form, Radio, Select, Upload } from 'antd';
import { useCallback, useState } from 'react';
import type { ArchiveJob } from '../../api-types';
import { byteSize } from '../../formats';
import { useLoaded } from '../../hooks/use-loaded';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ArchiveJobList } from '../app-page/archive-jobs';
import { FormDrawer } from './form-drawer';
import { NameFields } from './name-fields';
import { useSubmission } from './use-submission';

interface ImportDrawerProps {
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

interface ImportValues {
  source: 'server' | 'file';
  archive?: string;
  displayName: string;
  name: string;
}

/** Makes an application from an archive: one in the server's folder, or one that is uploaded. */
export function ImportDrawer({ open, onClose, onDone }: ImportDrawerProps) {
  const t = useT();
  const language = useLanguage();
  const { api } = useSupervisor();
  const [form] = Form.useForm<ImportValues>();
  const source = Form.useWatch('source', form);
  const { saving, error, submit, forget } = useSubmission();
  const [file, setFile] = useState<File>();
  const [job, setJob] = useState<ArchiveJob>();
  const archives = useLoaded(useCallback(() => api.listArchives(), [api]));

  const onFinish = async ({ archive, displayName, name }: ImportValues) => {
    const from = source === 'file' ? file : archive;
    if (!from) return;
    const accepted = await submit(async () =>
      setJob(await api.import(from, { name, displayName: displayName.trim() })),
    );
    if (accepted) onDone();
  };

  return (
    <FormDrawer
      title={t('Import an archive')}
      open={open}
      onClose={onClose}
      onClosed={() => {
        form.resetFields();
        forget();
        setFile(undefined);
        setJob(undefined);
      }}
      submitText={t('Import')}
      onSubmit={form.submit}
      saving={saving}
      error={error ?? archives.error}
      after={job ? <ArchiveJobList only={job.id} onDone={onDone} /> : undefined}
    >
      <Form<ImportValues>
        form={form}
        layout="vertical"
        initialValues={{ source: 'server' }}
        onValuesChange={forget}
        onFinish={(values) => void onFinish(values)}
      >
        <Form.Item name="source" label={t('Archive')}>
          <Radio.Group
            options={[
              { value: 'server', label: t('On the server') },
              { value: 'file', label: t('A file of yours') },
            ]}
          />
        </Form.Item>
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

import { PlusOutlined, ReloadOutlined } from '@ant-design/icons';
import { Button, Flex } from 'antd';
import { useCallback, useState } from 'react';
import type { ApplicationAction, ApplicationRow } from '../api';
import { toApiError, type ApiError } from '../api-error';
import { useApplications } from '../hooks/use-applications';
import { useT } from '../locale';
import { useSupervisor } from '../supervisor-context';
import { ApplicationsTable } from './applications-table';
import { CreateAppModal } from './create-app-modal';
import { ErrorAlert } from './error-alert';

export function ApplicationsPanel() {
  const t = useT();
  const { api } = useSupervisor();
  const applications = useApplications();
  const [running, setRunning] = useState<Record<string, ApplicationAction | undefined>>({});
  const [error, setError] = useState<ApiError>();
  const [creating, setCreating] = useState(false);
  const { refresh } = applications;

  const onAction = useCallback(
    async (action: ApplicationAction, { name }: ApplicationRow) => {
      setRunning((before) => ({ ...before, [name]: action }));
      setError(undefined);
      try {
        await api.act(action, name);
      } catch (failure) {
        setError(toApiError(failure));
      }
      await refresh();
      setRunning((before) => ({ ...before, [name]: undefined }));
    },
    [api, refresh],
  );

  return (
    <>
      <ErrorAlert error={error} onClose={() => setError(undefined)} />
      <ErrorAlert error={applications.error} />
      <Flex justify="end" gap="small" style={{ marginBottom: 16 }}>
        <Button icon={<ReloadOutlined />} onClick={() => void refresh()}>
          {t('Refresh')}
        </Button>
        <Button type="primary" icon={<PlusOutlined />} onClick={() => setCreating(true)}>
          {t('Create application')}
        </Button>
      </Flex>
      <ApplicationsTable applications={applications} running={running} onAction={onAction} />
      <CreateAppModal open={creating} onClose={() => setCreating(false)} onCreated={() => void refresh()} />
    </>
  );
}

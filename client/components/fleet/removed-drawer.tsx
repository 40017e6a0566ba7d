import { Button, Drawer, Empty, Flex, List, Typography } from 'antd';
import { useCallback, useState } from 'react';
import type { ApplicationRow } from '../../api-types';
import { toApiError, type ApiError } from '../../api-error';
import { useLoaded } from '../../hooks/use-loaded';
import { useFresh } from '../../hooks/use-fresh';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { AppIcon } from '../app-icon';
import { ErrorAlert } from '../error-alert';
import { Moment } from '../moment';
import { DeleteDialog } from './delete-dialog';

const PAGE_SIZE = 10;

interface RemovedDrawerProps {
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

/** The applications that were removed: each is restored with its data, or deleted for good. */
export function RemovedDrawer({ open, onClose, onDone }: RemovedDrawerProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [page, setPage] = useState(1);
  const [restoring, setRestoring] = useState<string>();
  const [purging, setPurging] = useState<ApplicationRow>();
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<ApiError>();
  const removed = useLoaded(
    useCallback(() => api.list({ page, pageSize: PAGE_SIZE, removed: true, sort: '-removedAt' }), [api, page]),
  );
  useFresh(removed.refresh);

  const restore = async (name: string) => {
    setRestoring(name);
    setError(undefined);
    try {
      await api.act('restore', name);
      onDone();
    } catch (failure) {
      setError(toApiError(failure));
    }
    await removed.refresh();
    setRestoring(undefined);
  };

  return (
    <Drawer title={t('Deleted applications')} open={open} onClose={onClose} width="min(560px, 100vw)">
      <ErrorAlert error={error ?? removed.error} onClose={error && (() => setError(undefined))} />
      <List<ApplicationRow>
        loading={removed.loading && !removed.value}
        dataSource={removed.value?.rows ?? []}
        rowKey="name"
        locale={{
          emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No deleted applications')} />,
        }}
        pagination={
          (removed.value?.total ?? 0) > PAGE_SIZE
            ? { current: page, pageSize: PAGE_SIZE, total: removed.value?.total, onChange: setPage, size: 'small' }
            : false
        }
        renderItem={(row) => {
          const title = row.displayName || row.name;
          return (
            <List.Item
              actions={[
                <Button
                  key="restore"
                  type="link"
                  size="small"
                  aria-label={`${t('Restore')}: ${title}`}
                  loading={restoring === row.name}
                  onClick={() => void restore(row.name)}
                >
                  {t('Restore')}
                </Button>,
                <Button
                  key="purge"
                  type="link"
                  danger
                  size="small"
                  aria-label={`${t('Delete for good')}: ${title}`}
                  onClick={() => {
                    setPurging(row);
                    setAsking(true);
                  }}
                >
                  {t('Delete for good')}
                </Button>,
              ]}
            >
              <List.Item.Meta
                avatar={<AppIcon name={row.name} title={title} icon={row.icon} iconImage={row.iconImage} size={32} />}
                title={<span style={{ overflowWrap: 'anywhere' }}>{title}</span>}
                description={
                  <Flex vertical>
                    <Typography.Text type="secondary">{row.name}</Typography.Text>
                    {row.purgeAt ? (
                      <span>
                        {t('Deleted for good:')} <Moment at={row.purgeAt} />
                      </span>
                    ) : null}
                  </Flex>
                }
              />
            </List.Item>
          );
        }}
      />
      {purging ? (
        <DeleteDialog
          key={purging.name}
          row={purging}
          open={asking}
          onClose={() => setAsking(false)}
          onDone={() => void removed.refresh()}
        />
      ) : null}
    </Drawer>
  );
}

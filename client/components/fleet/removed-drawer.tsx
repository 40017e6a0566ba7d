import { Button, Drawer, Empty, Flex, List, Typography } from 'antd';
import { useCallback, useState } from 'react';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import { useDialog, type DialogProps } from '../../hooks/use-dialog';
import { useEscape } from '../../hooks/use-escape';
import { useExistingPage } from '../../hooks/use-existing-page';
import { useFresh } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { AppIcon } from '../app-icon';
import { ErrorAlert } from '../error-alert';
import { Moment } from '../moment';
import { DeleteDialog } from './delete-dialog';

const PAGE_SIZE = 10;
/** How far up the button of NocoBase's AI employees reaches, in the lower corner at the end of the lines. */
const CORNER = 112;

/** The applications that were removed: each is restored with its data, or deleted for good. */
export function RemovedDrawer(dialog: DialogProps) {
  const t = useT();
  const { api } = useSupervisor();
  const [page, setPage] = useState(1);
  const [restoring, setRestoring] = useState<string>();
  const { error, submit, fail, forget } = useSubmission(dialog);
  const purging = useDialog<ApplicationRow>();
  const removed = useLoaded(
    useCallback(() => api.list({ page, pageSize: PAGE_SIZE, removed: true, sort: '-removedAt' }), [api, page]),
  );
  useExistingPage(removed, { page, pageSize: PAGE_SIZE }, setPage);
  useFresh(removed.refresh);
  useEscape(dialog.open, dialog.onClose);

  const restore = async (name: string) => {
    setRestoring(name);
    if (await submit(() => api.act('restore', name))) dialog.onDone();
    await removed.refresh();
    setRestoring(undefined);
  };

  return (
    <Drawer
      title={t('Deleted applications')}
      open={dialog.open}
      onClose={dialog.onClose}
      afterOpenChange={(shown) => (shown ? undefined : dialog.onClosed())}
      width="min(560px, 100vw)"
      styles={{ body: { paddingBottom: CORNER } }}
    >
      <ErrorAlert error={error ?? removed.error} onClose={error && forget} />
      <List<ApplicationRow>
        loading={removed.loading && !removed.value}
        dataSource={removed.value?.rows ?? []}
        rowKey="name"
        locale={{
          emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No deleted applications')} />,
        }}
        pagination={
          (removed.value?.total ?? 0) > PAGE_SIZE
            ? {
                current: page,
                pageSize: PAGE_SIZE,
                total: removed.value?.total,
                onChange: setPage,
                size: 'small',
                align: 'start',
              }
            : false
        }
        renderItem={(row) => {
          const title = titleOf(row);
          return (
            <List.Item
              actions={[
                <Button
                  key="restore"
                  type="link"
                  size="small"
                  aria-label={`${t('Restore')}: ${title}`}
                  loading={restoring === row.name}
                  disabled={restoring !== undefined && restoring !== row.name}
                  onClick={() => void restore(row.name)}
                >
                  {t('Restore')}
                </Button>,
                <Button
                  key="purge"
                  type="link"
                  danger
                  size="small"
                  aria-label={`${t('Delete permanently')}: ${title}`}
                  onClick={() => purging.open(row)}
                >
                  {t('Delete permanently')}
                </Button>,
              ]}
            >
              <List.Item.Meta
                avatar={<AppIcon name={row.name} title={title} icon={row.icon} iconUrl={row.iconUrl} size={32} />}
                title={<span style={{ overflowWrap: 'anywhere' }}>{title}</span>}
                description={
                  <Flex vertical>
                    <Typography.Text type="secondary">{row.name}</Typography.Text>
                    {row.purgeAt ? (
                      <span>
                        {t('Permanently deleted:')} <Moment at={row.purgeAt} />
                      </span>
                    ) : null}
                  </Flex>
                }
              />
            </List.Item>
          );
        }}
      />
      {purging.shown ? (
        <DeleteDialog
          key={purging.shown.key}
          {...purging.shown.life}
          row={purging.shown.subject}
          onDone={() => void removed.refresh()}
          onLateFailure={fail}
        />
      ) : null}
    </Drawer>
  );
}

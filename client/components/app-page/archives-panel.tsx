import { Button, Empty, Flex, Popconfirm, Table } from 'antd';
import { useCallback, useState } from 'react';
import type { ApplicationRow, StoredArchive } from '../../api-types';
import { toApiError, type ApiError } from '../../api-error';
import { byteSize } from '../../formats';
import { useLoaded } from '../../hooks/use-loaded';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { useCommands } from '../commands';
import { ErrorAlert } from '../error-alert';
import { Moment } from '../moment';
import { ArchiveJobList } from './archive-jobs';

/** Lets the browser download a file. */
function save(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

/** The archives of one application: made, downloaded, deleted. */
export function ArchivesPanel({ row }: { row: ApplicationRow }) {
  const t = useT();
  const language = useLanguage();
  const { api } = useSupervisor();
  const { act, running } = useCommands();
  const exporting = running[row.name] === 'export';
  const archives = useLoaded(useCallback(() => api.listArchives(row.name), [api, row.name]));
  const [working, setWorking] = useState<string>();
  const [error, setError] = useState<ApiError>();
  const { refresh } = archives;

  const attempt = async (key: string, work: () => Promise<unknown>) => {
    setWorking(key);
    setError(undefined);
    try {
      await work();
    } catch (failure) {
      setError(toApiError(failure));
    }
    await refresh();
    setWorking(undefined);
  };

  return (
    <Flex vertical gap="middle">
      <ErrorAlert error={error ?? archives.error} onClose={error && (() => setError(undefined))} />
      <Button
        type="primary"
        loading={exporting}
        onClick={() => void act('export', row)}
        style={{ alignSelf: 'flex-start' }}
      >
        {t('Export now')}
      </Button>
      {/* Asked anew when an export has begun. */}
      <ArchiveJobList key={String(exporting)} application={row.name} onDone={() => void refresh()} />
      <Table<StoredArchive>
        size="small"
        rowKey="name"
        loading={archives.loading && !archives.value}
        dataSource={archives.value ?? []}
        pagination={{ pageSize: 10, hideOnSinglePage: true }}
        scroll={{ x: 'max-content' }}
        locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No archives')} /> }}
        columns={[
          { key: 'name', title: t('Archive'), dataIndex: 'name' },
          { key: 'size', title: t('Size'), render: (_, { size }) => byteSize(size, language) },
          { key: 'storedAt', title: t('Created at'), render: (_, { storedAt }) => <Moment at={storedAt} /> },
          { key: 'deletedAt', title: t('Kept until'), render: (_, { deletedAt }) => <Moment at={deletedAt} /> },
          {
            key: 'actions',
            title: t('Actions'),
            render: (_, { name }) => (
              <>
                <Button
                  type="link"
                  size="small"
                  aria-label={`${t('Download')}: ${name}`}
                  loading={working === name}
                  onClick={() => void attempt(name, async () => save((await api.linkArchive(name)).url, name))}
                >
                  {t('Download')}
                </Button>
                <Popconfirm
                  title={t('Delete this archive?')}
                  okText={t('Delete')}
                  okButtonProps={{ danger: true }}
                  cancelText={t('Cancel')}
                  onConfirm={() => void attempt(name, () => api.deleteArchive(name))}
                >
                  <Button type="link" size="small" danger aria-label={`${t('Delete')}: ${name}`}>
                    {t('Delete')}
                  </Button>
                </Popconfirm>
              </>
            ),
          },
        ]}
      />
    </Flex>
  );
}

import { Table, type TableColumnsType } from 'antd';
import type { ApplicationAction, ApplicationRow } from '../api';
import type { Applications } from '../hooks/use-applications';
import { useT } from '../locale';
import { START_MODE_TEXTS } from '../start-modes';
import { AppRowActions } from './app-row-actions';
import { AppStateTag } from './app-state-tag';

interface ApplicationsTableProps {
  applications: Applications;
  /** The action under way, by application. */
  running: Readonly<Record<string, ApplicationAction | undefined>>;
  onAction: (action: ApplicationAction, row: ApplicationRow) => Promise<void>;
}

export function ApplicationsTable({ applications, running, onAction }: ApplicationsTableProps) {
  const t = useT();
  const { rows, total, page, pageSize, loading, turnTo } = applications;

  const columns: TableColumnsType<ApplicationRow> = [
    { key: 'displayName', title: t('Name'), render: (_, row) => row.displayName || row.name },
    { key: 'name', title: t('ID'), dataIndex: 'name' },
    { key: 'state', title: t('Status'), render: (_, row) => <AppStateTag {...row} /> },
    {
      key: 'startMode',
      title: t('Start mode'),
      render: (_, { startMode }) => t(START_MODE_TEXTS[startMode]?.label ?? startMode),
    },
    { key: 'cname', title: t('Domain'), render: (_, row) => row.cname || '–' },
    {
      key: 'actions',
      title: t('Actions'),
      render: (_, row) => <AppRowActions row={row} running={running[row.name]} onAction={onAction} />,
    },
  ];

  return (
    <Table<ApplicationRow>
      rowKey="name"
      columns={columns}
      dataSource={rows}
      loading={loading}
      scroll={{ x: 'max-content' }}
      locale={{ emptyText: t('No applications yet') }}
      pagination={{
        current: page,
        pageSize,
        total,
        showSizeChanger: true,
        hideOnSinglePage: total <= 10,
        onChange: turnTo,
      }}
    />
  );
}

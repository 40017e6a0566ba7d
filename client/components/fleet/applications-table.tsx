import { Button, Empty, Flex, Grid, Table, Typography, type TableColumnsType, type TableProps } from 'antd';
import { useHref, useLinkClickHandler } from 'react-router-dom';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import { addressUrls } from '../../app-url';
import type { Applications } from '../../hooks/use-applications';
import { useLinkTo, type ChangeAddress, type PageAddress } from '../../hooks/use-page-address';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { START_MODE_TEXTS } from '../../vocabulary';
import { AddressLink } from '../address-link';
import { AppIcon } from '../app-icon';
import { AppRowActions } from '../app-row-actions';
import { AppStateTag } from '../app-state-tag';
import { useCommands } from '../commands';
import { DatabasePlaceText } from '../database-place-text';
import { Moment } from '../moment';

interface ApplicationsTableProps {
  applications: Applications;
  address: PageAddress;
  change: ChangeAddress;
  selected: readonly string[];
  onSelect: (names: string[]) => void;
}

/** The columns that can be sorted by; the others are computed. */
type SortableColumn = 'displayName' | 'startMode' | 'lastVisitedAt';
const column = (sort: string | undefined) => sort?.replace(/^-/, '');

export function ApplicationsTable({ applications, address, change, selected, onSelect }: ApplicationsTableProps) {
  const t = useT();
  const { routeUrl } = useSupervisor();
  const { act, open } = useCommands();
  const { lg: fixes, xxl: wide } = Grid.useBreakpoint();
  const { rows, total, known, loading } = applications;
  const { page, pageSize, sort, search, states } = address;

  const sorted = (key: SortableColumn) => ({
    key,
    sorter: true,
    sortOrder: column(sort) === key ? (sort?.startsWith('-') ? ('descend' as const) : ('ascend' as const)) : null,
  });

  const columns: TableColumnsType<ApplicationRow> = [
    {
      ...sorted('displayName'),
      title: t('Application'),
      width: 190,
      render: (_, row) => <ApplicationCell row={row} />,
    },
    {
      key: 'state',
      title: t('Status'),
      width: 150,
      render: (_, row) => <AppStateTag row={row} onRetry={() => void act('start', row)} />,
    },
    {
      ...sorted('startMode'),
      title: t('Start mode'),
      width: 130,
      responsive: ['xxl'],
      render: (_, { startMode }) => t(START_MODE_TEXTS[startMode]?.label ?? startMode),
    },
    {
      key: 'address',
      title: t('Address'),
      render: (_, row) => {
        const { port, origin } = window.location;
        const [first] = addressUrls(row, { routeUrl, port }, origin);
        return first ? <AddressLink url={first} /> : null;
      },
    },
    {
      key: 'database',
      title: t('Database'),
      width: wide ? 220 : 140,
      render: (_, { databasePlace }) => (databasePlace ? <DatabasePlaceText place={databasePlace} /> : '–'),
    },
    {
      ...sorted('lastVisitedAt'),
      title: t('Last visited'),
      width: 115,
      render: (_, { lastVisitedAt }) => (lastVisitedAt ? <Moment at={lastVisitedAt} /> : t('Never')),
    },
    {
      key: 'actions',
      title: t('Actions'),
      width: wide ? 280 : 165,
      // In a narrow window a fixed column would leave no room for the others.
      fixed: fixes ? 'right' : undefined,
      render: (_, row) => <AppRowActions row={row} compact={!wide} />,
    },
  ];

  const onChange: TableProps<ApplicationRow>['onChange'] = (turned, _filters, sorter) => {
    const { columnKey, order } = Array.isArray(sorter) ? {} : sorter;
    const next = order && columnKey ? `${order === 'descend' ? '-' : ''}${String(columnKey)}` : undefined;
    const resorted = next !== sort;
    change({ sort: next, page: resorted ? 1 : (turned.current ?? 1), pageSize: turned.pageSize ?? pageSize });
  };

  const narrowed = Boolean(search) || states.length > 0;
  return (
    <Table<ApplicationRow>
      rowKey="name"
      columns={columns}
      dataSource={rows}
      loading={loading}
      tableLayout="fixed"
      size={wide ? 'large' : 'middle'}
      // The narrowest window of a desktop, 1280 pixels, has room for as much beside NocoBase's menu.
      scroll={{ x: 960 }}
      onChange={onChange}
      rowSelection={{
        columnWidth: 40,
        selectedRowKeys: [...selected],
        onChange: (keys) => onSelect(keys.map(String)),
        preserveSelectedRowKeys: true,
        getCheckboxProps: (row) => ({ 'aria-label': `${t('Select')}: ${titleOf(row)}` }) as object,
      }}
      locale={{
        emptyText: !known ? (
          ' '
        ) : narrowed ? (
          <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No application matches')}>
            <Button onClick={() => change({ search: undefined, states: [], page: 1 })}>{t('Show all')}</Button>
          </Empty>
        ) : (
          <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No applications yet')}>
            <Button type="primary" onClick={() => open({ kind: 'create' })}>
              {t('Create the first one')}
            </Button>
          </Empty>
        ),
      }}
      pagination={{
        current: page,
        pageSize,
        total,
        showSizeChanger: true,
        pageSizeOptions: [10, 20, 50, 100],
        hideOnSinglePage: total <= 10,
        showTotal: (count) => t('Total: {{count}}', { count }),
      }}
    />
  );
}

/** Icon, name, which leads to the application's page, and ID. */
function ApplicationCell({ row }: { row: ApplicationRow }) {
  const page = useLinkTo({ app: row.name, view: undefined });
  const href = useHref(page);
  const onClick = useLinkClickHandler(page);
  const title = titleOf(row);
  return (
    <Flex gap="small" align="center">
      <AppIcon name={row.name} title={title} icon={row.icon} iconUrl={row.iconUrl} size={32} />
      <Flex vertical style={{ minWidth: 0 }}>
        <Typography.Link href={href} onClick={onClick} ellipsis title={title}>
          {title}
        </Typography.Link>
        <Typography.Text type="secondary" ellipsis={{ tooltip: row.name }} style={{ fontSize: 12 }}>
          {row.name}
        </Typography.Text>
      </Flex>
    </Flex>
  );
}

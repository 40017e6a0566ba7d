import { ArrowLeftOutlined } from '@ant-design/icons';
import { Button, Empty, Flex, Spin, Tabs, Typography } from 'antd';
import { useCallback } from 'react';
import { MOVING_STATES } from '../../../src/app-state';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import { MOVING_MS, useFresh } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import type { ChangeAddress } from '../../hooks/use-page-address';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { AppIcon } from '../app-icon';
import { AppRowActions } from '../app-row-actions';
import { CommandsProvider, useCommands } from '../commands';
import { ErrorAlert } from '../error-alert';
import { AppOverview } from './app-overview';
import { ArchivesPanel } from './archives-panel';
import { ConfigurationPanel } from './configuration-panel';
import { EventsPanel } from './events-panel';
import { LogPanel } from './log-panel';

interface AppPageProps {
  name: string;
  view?: string;
  change: ChangeAddress;
}

/** Everything about one application; the address names it, and the part that is open. */
export function AppPage({ name, view, change }: AppPageProps) {
  const t = useT();
  const { api } = useSupervisor();
  const { value: row, error, refresh } = useLoaded(useCallback(() => api.get(name), [api, name]));
  useFresh(refresh, row && MOVING_STATES.has(row.state) ? MOVING_MS : undefined);
  const leave = useCallback(() => change({ app: undefined, view: undefined }), [change]);
  const showExport = useCallback(() => change({ view: 'archives' }), [change]);
  const unknown = error?.code === 'APP_NOT_FOUND';

  return (
    <CommandsProvider onChanged={refresh} onRemoved={leave} onExporting={showExport}>
      <Flex vertical gap="middle">
        <Button
          type="link"
          icon={<ArrowLeftOutlined />}
          onClick={leave}
          style={{ alignSelf: 'flex-start', padding: 0 }}
        >
          {t('All applications')}
        </Button>
        {unknown ? (
          <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={error.message} />
        ) : (
          <>
            <ErrorAlert error={error} />
            {row ? <Page row={row} view={view} onView={(key) => change({ view: key })} /> : error ? null : <Spin />}
          </>
        )}
      </Flex>
    </CommandsProvider>
  );
}

const FIRST_VIEW = 'overview';

function Page({
  row,
  view,
  onView,
}: {
  row: ApplicationRow;
  view?: string;
  onView: (key: string | undefined) => void;
}) {
  const t = useT();
  const { act } = useCommands();
  const title = titleOf(row);
  const items = [
    {
      key: FIRST_VIEW,
      label: t('Overview'),
      children: <AppOverview row={row} onRetry={() => void act('start', row)} />,
    },
    { key: 'events', label: t('Events'), children: <EventsPanel name={row.name} /> },
    { key: 'log', label: t('Log'), children: <LogPanel name={row.name} /> },
    { key: 'configuration', label: t('Configuration'), children: <ConfigurationPanel row={row} /> },
    { key: 'archives', label: t('Archives'), children: <ArchivesPanel row={row} /> },
  ];
  return (
    <>
      <Flex wrap gap="middle" align="center" justify="space-between">
        <Flex gap="middle" align="center" style={{ minWidth: 0 }}>
          <AppIcon name={row.name} title={title} icon={row.icon} iconUrl={row.iconUrl} size={48} />
          <div style={{ minWidth: 0 }}>
            <Typography.Title level={4} style={{ margin: 0, overflowWrap: 'anywhere' }}>
              {title}
            </Typography.Title>
            <Typography.Text type="secondary" copyable>
              {row.name}
            </Typography.Text>
          </div>
        </Flex>
        <AppRowActions row={row} />
      </Flex>
      <Tabs
        destroyInactiveTabPane
        activeKey={items.some(({ key }) => key === view) ? view : FIRST_VIEW}
        onChange={(key) => onView(key === FIRST_VIEW ? undefined : key)}
        items={items}
      />
    </>
  );
}

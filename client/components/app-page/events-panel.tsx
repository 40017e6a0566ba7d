import { Empty, Table, Tag, Typography } from 'antd';
import { useCallback, useState } from 'react';
import { APP_EVENT_TYPES, type AppEvent } from '../../../src/events';
import { useFresh } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ACTOR_TEXTS, REASON_TEXTS } from '../../vocabulary';
import { ErrorAlert } from '../error-alert';
import { Moment } from '../moment';
import { JourneyChart } from './journey-chart';

const PAGE_SIZE = 20;

const COLORS: Partial<Record<AppEvent['type'], string>> = {
  failed: 'error',
  quarantined: 'error',
  fault: 'error',
  'export-failed': 'error',
  'import-failed': 'error',
  created: 'success',
  started: 'success',
  woken: 'success',
};

const keyOf = ({ at, type }: AppEvent) => `${at} ${type}`;

/** What happened to an application, the latest first; a journey opens below its event. */
export function EventsPanel({ name }: { name: string }) {
  const t = useT();
  const { api } = useSupervisor();
  const [page, setPage] = useState(1);
  const events = useLoaded(useCallback(() => api.events(name, page, PAGE_SIZE), [api, name, page]));
  useFresh(events.refresh);

  return (
    <>
      <ErrorAlert error={events.error} />
      <Table<AppEvent>
        size="small"
        rowKey={keyOf}
        loading={events.loading && !events.value}
        dataSource={events.value?.rows ?? []}
        scroll={{ x: 'max-content' }}
        locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No events yet')} /> }}
        pagination={{
          current: page,
          pageSize: PAGE_SIZE,
          total: events.value?.total ?? 0,
          onChange: setPage,
          hideOnSinglePage: true,
          showSizeChanger: false,
        }}
        expandable={{
          rowExpandable: ({ journey }) => Boolean(journey?.steps?.length),
          expandedRowRender: ({ journey }) => (journey ? <JourneyChart journey={journey} /> : null),
        }}
        columns={[
          { key: 'at', title: t('When'), width: 150, render: (_, { at }) => <Moment at={at} /> },
          {
            key: 'type',
            title: t('What'),
            width: 140,
            render: (_, { type }) => <Tag color={COLORS[type]}>{t(APP_EVENT_TYPES[type]?.label ?? type)}</Tag>,
          },
          {
            key: 'by',
            title: t('By'),
            width: 160,
            render: (_, { by }) => {
              if (by.kind === 'operator') return t('{{name}}, by command line', { name: by.name });
              if (by.kind !== 'user') return t(ACTOR_TEXTS[by.kind]);
              const { name, apiKey, role, address } = by;
              const key = apiKey === undefined ? undefined : t('API key {{name}}', { name: apiKey });
              return (
                <>
                  <div>{name ?? t(ACTOR_TEXTS.user)}</div>
                  <Typography.Text type="secondary">{[key, role, address].filter(Boolean).join(' · ')}</Typography.Text>
                </>
              );
            },
          },
          {
            key: 'why',
            title: t('Why'),
            render: (_, { reason, message }) => (
              <div style={{ maxWidth: 560, whiteSpace: 'normal', overflowWrap: 'anywhere' }}>
                {reason ? t(REASON_TEXTS[reason] ?? reason) : null}
                {message ? <Typography.Paragraph style={{ margin: 0 }}>{message}</Typography.Paragraph> : null}
              </div>
            ),
          },
        ]}
      />
    </>
  );
}

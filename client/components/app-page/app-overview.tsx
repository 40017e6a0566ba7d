import { Alert, Descriptions, Flex, Typography, type DescriptionsProps } from 'antd';
import { useCallback } from 'react';
import { APP_STATES, hasFailed } from '../../../src/app-state';
import { administratorText } from '../../../src/first-administrator';
import type { ApplicationRow } from '../../api-types';
import { addressUrls } from '../../app-url';
import { byteSize } from '../../formats';
import { useFresh, WATCHING_MS } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { AWAKE_TEXTS } from '../../vocabulary';
import { AddressLink } from '../address-link';
import { AppStateTag, Failure } from '../app-state-tag';
import { DatabasePlaceText } from '../database-place-text';
import { ErrorAlert } from '../error-alert';
import { Moment } from '../moment';
import { ApplicationIsolation } from './application-isolation';
import { JourneyChart } from './journey-chart';
import { LimitsTable } from './limits-table';

interface AppOverviewProps {
  row: ApplicationRow;
  onRetry: () => void;
}

/** What one application is at this moment, what it takes, and how it came up. */
export function AppOverview({ row, onRetry }: AppOverviewProps) {
  const t = useT();
  const language = useLanguage();
  const { api, routeUrl } = useSupervisor();
  const { name, state } = row;
  const { port, origin } = window.location;
  // Asked anew with each state of this one; it costs the server a look into a database, whatever happens to others.
  const details = useLoaded(useCallback(() => api.details(name), [api, name, state]));
  useFresh(details.refresh, state === 'running' ? WATCHING_MS * 3 : undefined, { told: false });
  const { version, database, memory, traffic, administrator } = details.value ?? {};

  const size = (bytes: number | null | undefined) =>
    bytes === null || bytes === undefined ? t('unknown') : byteSize(bytes, language);
  const pending = details.value ? undefined : details.error ? t('unknown') : '…';
  const items: DescriptionsProps['items'] = [
    { key: 'state', label: t('Status'), children: <AppStateTag row={row} onRetry={onRetry} /> },
    {
      key: 'address',
      label: t('Address'),
      children: (
        <Flex vertical style={{ overflowWrap: 'anywhere' }}>
          {addressUrls(row, { routeUrl, port }, origin).map((url) => (
            <AddressLink key={url} url={url} />
          ))}
        </Flex>
      ),
    },
    {
      key: 'version',
      label: t('NocoBase version'),
      children:
        pending ??
        (version?.core && version.core !== version.installedCore
          ? t('{{stored}}, will be {{installed}}', { stored: version.core, installed: version.installedCore })
          : (version?.core ?? t('unknown'))),
    },
    {
      key: 'database',
      label: t('Database'),
      children: row.databasePlace ? <DatabasePlaceText place={row.databasePlace} /> : '–',
    },
    ...(row.isolation
      ? [
          {
            key: 'isolation',
            label: t('Isolation'),
            children: <ApplicationIsolation row={row} isolation={row.isolation} />,
          },
        ]
      : []),
    { key: 'bytes', label: t('Size of the database'), children: pending ?? size(database?.bytes) },
    {
      key: 'memory',
      label: t('Memory, estimated'),
      children: pending ?? (row.state === 'running' ? size(memory?.estimateBytes) : t('– (not running)')),
    },
    {
      key: 'requests',
      label: t('Requests'),
      children: pending ?? (
        <>
          {new Intl.NumberFormat(language).format(traffic?.requests ?? 0)}
          {traffic ? (
            <Typography.Text type="secondary">
              {' '}
              ({t('counted since:')} <Moment at={traffic.since} />)
            </Typography.Text>
          ) : null}
        </>
      ),
    },
    {
      key: 'visit',
      label: t('Last visited'),
      children: row.lastVisitedAt ? <Moment at={row.lastVisitedAt} /> : t('Never'),
    },
  ];
  if (administrator) {
    items.push({ key: 'administrator', label: t('First administrator'), children: administratorText(administrator) });
  }
  if (row.awakeBecause?.length) {
    items.push({
      key: 'awake',
      label: t('Why it does not sleep'),
      children: row.awakeBecause.map((reason) => t(AWAKE_TEXTS[reason] ?? reason)).join('; '),
    });
  }
  if (row.nextDueAt) {
    items.push({ key: 'due', label: t('Next scheduled work'), children: <Moment at={row.nextDueAt} /> });
  }

  return (
    <Flex vertical gap="large">
      {hasFailed(row.state) && row.lastError ? (
        <Alert
          type="error"
          showIcon
          role="alert"
          message={t(APP_STATES[row.state].label)}
          description={<Failure row={row} onRetry={onRetry} />}
        />
      ) : null}
      {row.faults ? (
        <Alert
          type="warning"
          showIcon
          message={t('Uncaught errors since NocoBase started: {{count}}', { count: row.faults.count })}
          description={<span style={{ overflowWrap: 'anywhere' }}>{row.faults.last.error}</span>}
        />
      ) : null}
      <ErrorAlert error={details.error} />
      <Descriptions
        bordered
        size="small"
        column={{ xs: 1, sm: 1, md: 1, lg: 2, xl: 2, xxl: 3 }}
        style={{ overflowX: 'auto' }}
        items={items}
      />
      {details.value ? <LimitsTable limits={details.value.limits} /> : null}
      {row.journey ? <JourneyChart journey={row.journey} /> : null}
    </Flex>
  );
}

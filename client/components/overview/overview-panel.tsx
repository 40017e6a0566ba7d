import { Col, Flex, Row, Spin } from 'antd';
import { useCallback } from 'react';
import { byteSize } from '../../formats';
import { useFresh, WATCHING_MS } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ErrorAlert } from '../error-alert';
import { BootsChart } from './boots-chart';
import { Gauge } from './gauge';
import { LogFilesAlert } from './log-files-alert';
import { PathAccessNotice } from './path-access-notice';
import { StateCounts } from './state-counts';

/** What the supervisor holds at this moment: the state of a hundred applications at a glance. */
export function OverviewPanel() {
  const t = useT();
  const language = useLanguage();
  const { api } = useSupervisor();
  const { value: metrics, error, refresh } = useLoaded(useCallback(() => api.metrics(), [api]));
  // Memory and connections change without anybody telling.
  useFresh(refresh, WATCHING_MS);
  if (!metrics) return error ? <ErrorAlert error={error} /> : <Spin />;

  const { applications, running, memory, connections, queue, logFiles, boots, at } = metrics;
  const number = (value: number) => new Intl.NumberFormat(language).format(value);
  const size = (value: number) => byteSize(value, language);
  const third = { xs: 24, sm: 12, lg: 8 };
  return (
    <Flex vertical gap="large">
      <ErrorAlert error={error} />
      <LogFilesAlert logFiles={logFiles} />
      <PathAccessNotice />
      <StateCounts total={applications.total} states={applications.states} />
      <Row gutter={[16, 16]}>
        <Col {...third}>
          <Gauge
            title={t('Running applications')}
            used={running.count}
            limit={running.limit}
            format={number}
            note={t('{{booting}} starting, {{waiting}} waiting', { booting: queue.booting, waiting: queue.waiting })}
          />
        </Col>
        <Col {...third}>
          <Gauge
            title={t('Memory of the process')}
            used={memory.rss}
            limit={memory.limit}
            format={size}
            note={t('{{size}} of it in the heap', { size: size(memory.heapUsed) })}
          />
        </Col>
        {connections ? (
          <Col {...third}>
            <Gauge
              title={t('Database connections')}
              used={connections.used}
              limit={connections.limit}
              format={number}
            />
          </Col>
        ) : null}
      </Row>
      <BootsChart boots={boots} at={at} />
    </Flex>
  );
}

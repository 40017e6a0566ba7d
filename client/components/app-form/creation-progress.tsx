import { CheckCircleFilled, LoadingOutlined } from '@ant-design/icons';
import { Button, Flex, Spin, Steps, theme, Typography } from 'antd';
import { useCallback } from 'react';
import { hasFailed, MOVING_STATES } from '../../../src/app-state';
import { administratorText } from '../../../src/first-administrator';
import type { ApplicationRow } from '../../api-types';
import { titleOf } from '../../app-title';
import { visitUrl } from '../../app-url';
import { duration } from '../../formats';
import { MOVING_MS, useFresh } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { STEP_TEXTS } from '../../vocabulary';
import { Failure } from '../app-state-tag';
import { ErrorAlert } from '../error-alert';

interface CreationProgressProps {
  name: string;
  /** It was tried again. */
  onChanged: () => void;
}

/** How far the making of an application is, step by step, and how it ended. */
export function CreationProgress({ name, onChanged }: CreationProgressProps) {
  const t = useT();
  const { api } = useSupervisor();
  const { value: row, error, refresh } = useLoaded(useCallback(() => api.get(name), [api, name]));
  const starting = useSubmission();
  useFresh(refresh, !row || MOVING_STATES.has(row.state) ? MOVING_MS : undefined);
  if (!row) return error ? <ErrorAlert error={error} /> : <Spin />;

  const start = async () => {
    await starting.submit(() => api.act('start', name));
    await refresh();
    onChanged();
  };
  const title = titleOf(row);
  const failed = hasFailed(row.state);
  const pending = MOVING_STATES.has(row.state);
  const sentence = failed
    ? '"{{name}}" could not be created'
    : pending
      ? '"{{name}}" is being created'
      : '"{{name}}" is ready';
  return (
    <Flex vertical gap="large" role="status">
      <ErrorAlert error={starting.error ?? error} />
      <Typography.Title level={5} style={{ margin: 0, overflowWrap: 'anywhere' }}>
        {t(sentence, { name: title })}
      </Typography.Title>
      {failed ? <Failure row={row} onRetry={() => void start()} /> : null}
      {failed || pending ? null : <Ready row={row} onStart={() => void start()} />}
      <MakingSteps row={row} pending={pending} failed={failed} />
    </Flex>
  );
}

function MakingSteps({ row, pending, failed }: { row: ApplicationRow; pending: boolean; failed: boolean }) {
  const t = useT();
  const steps = row.journey?.steps ?? [];
  const last = steps.length - 1;
  return (
    <Steps
      direction="vertical"
      size="small"
      current={pending || failed ? last : steps.length}
      status={failed ? 'error' : 'process'}
      items={steps.map(({ step, ms }, index) => {
        const present = pending && index === last;
        return {
          title: t(STEP_TEXTS[step] ?? step),
          description: present ? undefined : duration(ms),
          icon: present ? <LoadingOutlined /> : undefined,
        };
      })}
    />
  );
}

/** What there is to do with an application that was made. */
function Ready({ row, onStart }: { row: ApplicationRow; onStart: () => void }) {
  const t = useT();
  const { token } = theme.useToken();
  const { api, routeUrl } = useSupervisor();
  const { name } = row;
  const { value: details } = useLoaded(useCallback(() => api.details(name), [api, name]));
  const stopped = row.state === 'stopped';
  return (
    <Flex gap="middle" align="center" wrap>
      <CheckCircleFilled style={{ color: token.colorSuccess, fontSize: token.fontSizeHeading2 }} aria-hidden />
      {stopped ? (
        <>
          <span>{t('It is not started yet.')}</span>
          <Button onClick={onStart}>{t('Start')}</Button>
        </>
      ) : (
        <Button
          type="primary"
          href={visitUrl(row, { routeUrl, port: window.location.port })}
          target="_blank"
          rel="noopener noreferrer"
        >
          {t('Visit')}
        </Button>
      )}
      {details?.administrator ? (
        <Typography.Text type="secondary" style={{ overflowWrap: 'anywhere' }}>
          {t('First administrator: {{name}}', { name: administratorText(details.administrator) })}
        </Typography.Text>
      ) : null}
    </Flex>
  );
}

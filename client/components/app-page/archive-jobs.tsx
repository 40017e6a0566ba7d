import { Alert, Button, Flex, Progress, Typography } from 'antd';
import { useCallback, useEffect, useRef } from 'react';
import type { ArchiveJob } from '../../api-types';
import { visitUrl } from '../../app-url';
import { byteSize } from '../../formats';
import { MOVING_MS, useFresh } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ARCHIVE_STEP_TEXTS } from '../../vocabulary';
import { ErrorAlert } from '../error-alert';

interface ArchiveJobListProps {
  /** Of this application, or this job alone. */
  application?: string;
  only?: string;
  /** One has ended. */
  onDone: () => void;
}

/** The exports and imports of this process, how far they are, and how they ended. */
export function ArchiveJobList({ application, only, onDone }: ArchiveJobListProps) {
  const { api } = useSupervisor();
  const jobs = useLoaded(useCallback(() => api.archiveJobs(application), [api, application]));
  const shown = (jobs.value ?? []).filter(({ id }) => only === undefined || id === only);
  const running = shown.filter(({ outcome }) => outcome === 'running').length;
  useFresh(jobs.refresh, running > 0 ? MOVING_MS : undefined);

  // Also one that had ended before it was first asked for.
  const ended = shown.length - running;
  const before = useRef(0);
  useEffect(() => {
    if (ended > before.current) onDone();
    before.current = ended;
  }, [ended, onDone]);

  return (
    <Flex vertical gap="small" role="status">
      <ErrorAlert error={jobs.error} />
      {shown.map((job) => (
        <ArchiveJobLine key={job.id} job={job} />
      ))}
    </Flex>
  );
}

function ArchiveJobLine({ job }: { job: ArchiveJob }) {
  const t = useT();
  const language = useLanguage();
  const { kind, application, outcome, step, bytes, total, error, archive } = job;
  const title = t(kind === 'export' ? 'Export of {{name}}' : 'Import as {{name}}', { name: application });
  if (outcome === 'failed') {
    return <ErrorAlert error={{ code: error?.code, message: `${title}: ${error?.message ?? t('failed')}` }} />;
  }
  if (outcome === 'done') {
    const found = job.warnings?.length ? ` ${t('Warnings: {{count}}', { count: job.warnings.length })}` : '';
    return (
      <Alert
        type="success"
        showIcon
        message={`${title}: ${t('done')}.${found}`}
        description={archive}
        action={kind === 'import' ? <VisitButton name={application} /> : undefined}
      />
    );
  }
  const percent = total ? Math.min(99, Math.floor((bytes / total) * 100)) : undefined;
  return (
    <Flex vertical>
      <span>
        {title}: {t(ARCHIVE_STEP_TEXTS[step] ?? step)}
      </span>
      {percent === undefined ? (
        <Typography.Text type="secondary">{byteSize(bytes, language)}</Typography.Text>
      ) : (
        <Progress percent={percent} status="active" aria-label={title} />
      )}
    </Flex>
  );
}

/** Leads to the application that was imported, as soon as its addresses are known. */
function VisitButton({ name }: { name: string }) {
  const t = useT();
  const { api, routeUrl } = useSupervisor();
  const { value: row } = useLoaded(useCallback(() => api.get(name), [api, name]));
  if (!row) return null;
  const url = visitUrl(row, { routeUrl, port: window.location.port });
  return (
    <Button type="primary" href={url} target="_blank" rel="noopener noreferrer">
      {t('Visit')}
    </Button>
  );
}

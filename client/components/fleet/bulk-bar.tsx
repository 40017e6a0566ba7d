import { Alert, Button, Flex, Modal, Space, Typography } from 'antd';
import { useState } from 'react';
import type { ApplicationAction, BulkResult } from '../../api-types';
import type { ApiError } from '../../api-error';
import { dayCount } from '../../formats';
import { useDialog, type DialogProps } from '../../hooks/use-dialog';
import { useSubmission } from '../../hooks/use-submission';
import { useSupervisorInfo } from '../../hooks/use-supervisor-info';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ErrorAlert } from '../error-alert';

/** The server takes that many at once. */
const MOST_AT_ONCE = 200;

const QUESTIONS = {
  start: 'Start the selected applications ({{count}})?',
  stop: 'Stop the selected applications ({{count}})?',
  restart: 'Restart the selected applications ({{count}})?',
  destroy: 'Delete the selected applications ({{count}})?',
} as const;

const CONSEQUENCES = {
  start: 'They start one after another, a few at a time.',
  stop: 'Visitors cannot use them until they are started again.',
  restart: 'Visitors wait until the restart is finished.',
  destroy: 'The applications go offline. You can restore them with their data for some days.',
} as const;

const LABELS = { start: 'Start', stop: 'Stop', restart: 'Restart', destroy: 'Delete' } as const;

/** Some applications, and what is to be done with them. */
interface BulkOrder {
  action: ApplicationAction;
  names: readonly string[];
}

/** What has become of it: it belongs to this order, whatever is asked next. */
interface BulkOutcome {
  action: ApplicationAction;
  results: readonly BulkResult[];
}

interface BulkBarProps {
  names: readonly string[];
  onClear: () => void;
  /** With those that it did not work for, if any. */
  onDone: (failed: readonly string[]) => void;
}

/** What can be done with several applications at once, and what has become of each. */
export function BulkBar({ names, onClear, onDone }: BulkBarProps) {
  const t = useT();
  const question = useDialog<BulkOrder>();
  const [error, setError] = useState<ApiError>();
  const [outcome, setOutcome] = useState<BulkOutcome>();
  const tooMany = names.length > MOST_AT_ONCE;

  return (
    <>
      {names.length > 0 ? (
        <Flex
          wrap
          gap="small"
          align="center"
          style={{ marginBottom: 16 }}
          role="group"
          aria-label={t('Selected applications')}
        >
          <Typography.Text strong>{t('Selected: {{count}}', { count: names.length })}</Typography.Text>
          <Space size={4} wrap>
            {(['start', 'stop', 'restart', 'destroy'] as const).map((action) => (
              <Button
                key={action}
                size="small"
                danger={action === 'destroy'}
                disabled={tooMany}
                onClick={() => question.open({ action, names })}
              >
                {t(LABELS[action])}
              </Button>
            ))}
            <Button type="link" size="small" onClick={onClear}>
              {t('Clear selection')}
            </Button>
          </Space>
          {tooMany ? (
            <Typography.Text type="warning">{t('At most {{count}} at once.', { count: MOST_AT_ONCE })}</Typography.Text>
          ) : null}
        </Flex>
      ) : null}
      <ErrorAlert error={error} onClose={() => setError(undefined)} />
      {outcome ? <BulkResults {...outcome} onClose={() => setOutcome(undefined)} /> : null}
      {question.shown ? (
        <BulkQuestion
          key={question.shown.key}
          {...question.shown.life}
          order={question.shown.subject}
          onLateFailure={setError}
          onDone={(found) => {
            setError(undefined);
            setOutcome(found);
            onDone(found.results.filter(({ ok }) => !ok).map(({ name }) => name));
          }}
        />
      ) : null}
    </>
  );
}

interface BulkQuestionProps extends Omit<DialogProps, 'onDone'> {
  order: BulkOrder;
  onDone: (outcome: BulkOutcome) => void;
}

/** What it means for the visitors, before it is done. */
function BulkQuestion({ order: { action, names }, onDone, ...dialog }: BulkQuestionProps) {
  const t = useT();
  const { api } = useSupervisor();
  const { saving, error, submit } = useSubmission(dialog);
  const language = useLanguage();
  const days = useSupervisorInfo().value?.removalRetentionDays ?? undefined;
  const consequence = () => {
    if (action !== 'destroy' || days === undefined) return t(CONSEQUENCES[action]);
    if (days === 0) return t('They are deleted at once and cannot be restored. Their databases are kept.');
    return t(
      'The applications go offline. You can restore them for {{time}}; then they are permanently deleted. Their databases are kept.',
      {
        time: dayCount(days, language),
      },
    );
  };
  const confirm = async () => {
    const results = await submit(() => api.actOnAll(action, names));
    if (!results) return;
    onDone({ action, results });
    dialog.onClose();
  };
  return (
    <Modal
      title={t(QUESTIONS[action], { count: names.length })}
      open={dialog.open}
      onCancel={dialog.onClose}
      afterClose={dialog.onClosed}
      onOk={() => void confirm()}
      okText={t(LABELS[action])}
      okButtonProps={{ danger: action === 'destroy' }}
      cancelText={t('Cancel')}
      confirmLoading={saving}
    >
      <ErrorAlert error={error} />
      <Typography.Paragraph>{consequence()}</Typography.Paragraph>
      <Typography.Paragraph type="secondary" style={{ maxHeight: 160, overflow: 'auto', marginBottom: 0 }}>
        {names.join(', ')}
      </Typography.Paragraph>
    </Modal>
  );
}

interface BulkResultsProps extends BulkOutcome {
  onClose: () => void;
}

/** One line for each application that it did not work for, and how many it worked for. */
function BulkResults({ results, action, onClose }: BulkResultsProps) {
  const t = useT();
  const failed = results.filter(({ ok }) => !ok);
  const done = results.length - failed.length;
  return (
    <Alert
      type={failed.length ? 'warning' : 'success'}
      showIcon
      closable
      onClose={onClose}
      role="status"
      style={{ marginBottom: 16 }}
      message={t('{{action}}: done for {{done}} of {{count}}', {
        action: t(LABELS[action]),
        done,
        count: results.length,
      })}
      description={
        failed.length ? (
          <ul style={{ margin: 0, paddingInlineStart: 20, maxHeight: 200, overflow: 'auto', overflowWrap: 'anywhere' }}>
            {failed.map(({ name, code, message }) => (
              <li key={name}>
                <strong>{name}</strong>: {message} <Typography.Text type="secondary">{code}</Typography.Text>
              </li>
            ))}
          </ul>
        ) : undefined
      }
    />
  );
}

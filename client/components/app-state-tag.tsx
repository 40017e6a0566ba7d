import { Button, Flex, Popover, Tag, theme, Tooltip, Typography } from 'antd';
import { APP_STATES, hasFailed } from '../../src/app-state';
import type { ApplicationRow } from '../api-types';
import { titleOf } from '../app-title';
import { useT } from '../locale';
import { adviceText, REASON_TEXTS, STEP_TEXTS } from '../vocabulary';
import { Moment } from './moment';

type Condition = Pick<
  ApplicationRow,
  'name' | 'displayName' | 'state' | 'stateSince' | 'stateReason' | 'lastError' | 'retryAt' | 'journey'
>;

interface AppStateTagProps {
  row: Condition;
  /** Tries a failed one again. */
  onRetry?: () => void;
}

/** The state as a coloured word, since when, and why: the reason, the present step, or the error with what to do. */
export function AppStateTag({ row, onRetry }: AppStateTagProps) {
  const t = useT();
  const { state, stateSince, stateReason, journey } = row;
  const { label, color } = APP_STATES[state];
  const reason = stateReason ? t(REASON_TEXTS[stateReason] ?? stateReason) : undefined;
  const moving = state === 'creating' || state === 'booting';
  const step = moving && journey?.outcome === 'pending' ? journey.steps.at(-1)?.step : undefined;
  const tag = (
    <Tag color={color} style={{ marginInlineEnd: 0 }} tabIndex={reason ? 0 : undefined}>
      {t(label)}
    </Tag>
  );
  return (
    <Flex vertical gap={2} align="flex-start">
      {reason ? <Tooltip title={reason}>{tag}</Tooltip> : tag}
      {hasFailed(state) && row.lastError ? (
        <FailureButton row={row} onRetry={onRetry} />
      ) : (
        <Typography.Text type="secondary" style={{ fontSize: 12 }} aria-live={moving ? 'polite' : undefined}>
          {step ? t(STEP_TEXTS[step] ?? step) : stateSince ? <Moment at={stateSince} /> : null}
        </Typography.Text>
      )}
    </Flex>
  );
}

/** The error code; pressed, everything that is known of the failure, and a way to try again. */
function FailureButton({ row, onRetry }: AppStateTagProps) {
  const t = useT();
  const { token } = theme.useToken();
  const { lastError } = row;
  if (!lastError) return null;
  return (
    <Popover
      trigger="click"
      title={t('{{name}} failed', { name: titleOf(row) })}
      content={<Failure row={row} onRetry={onRetry} />}
      overlayStyle={{ maxWidth: 'min(420px, 90vw)', overflowWrap: 'anywhere' }}
    >
      <Button
        type="link"
        danger
        size="small"
        style={{ padding: 0, height: 'auto', fontSize: 12, color: token.colorErrorText }}
        aria-label={t('Why {{name}} failed', { name: titleOf(row) })}
      >
        {lastError.code ?? t('Details')}
      </Button>
    </Popover>
  );
}

/** What is known of a failure: sentence, what to do, code and step, when it happened, and a way to try again. */
export function Failure({ row, onRetry }: AppStateTagProps) {
  const t = useT();
  const { state, stateSince, lastError, retryAt } = row;
  if (!lastError) return null;
  const { code, message, step, at } = lastError;
  const advice = adviceText(state === 'quarantined' ? 'APP_QUARANTINED' : code);
  const when = at ?? stateSince;
  return (
    <Flex vertical gap="small" style={{ overflowWrap: 'anywhere' }}>
      <span>{message}</span>
      {advice ? <span>{t(advice)}</span> : null}
      <Typography.Text type="secondary">
        {[code, step && t('Step: {{step}}', { step: t(STEP_TEXTS[step] ?? step) })].filter(Boolean).join(' · ')}
        {when ? (
          <>
            {' · '}
            <Moment at={when} />
          </>
        ) : null}
      </Typography.Text>
      {retryAt && state === 'failed' ? (
        <span>
          {new Date(retryAt) > new Date() ? (
            <>
              {t('Next automatic retry:')} <Moment at={retryAt} />
            </>
          ) : (
            t('The next visit will retry.')
          )}
        </span>
      ) : null}
      {onRetry ? (
        <Button type="primary" size="small" onClick={onRetry} style={{ alignSelf: 'flex-start' }}>
          {t('Retry now')}
        </Button>
      ) : null}
    </Flex>
  );
}

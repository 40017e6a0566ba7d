import { Tag, Tooltip } from 'antd';
import { APP_STATES } from '../../src/app-state';
import type { ApplicationRow } from '../api';
import { useT } from '../locale';

type Condition = Pick<ApplicationRow, 'state' | 'stateReason' | 'lastError'>;

/** The state as a coloured word; why it is so, on hover and on keyboard focus. */
export function AppStateTag({ state, stateReason, lastError }: Condition) {
  const t = useT();
  const { label, color } = APP_STATES[state];
  const failed = state === 'failed' || state === 'quarantined';
  const reasons: string[] = [];
  if (stateReason) reasons.push(stateReason);
  if (failed && lastError) {
    reasons.push([lastError.code, lastError.message].filter(Boolean).join(': '));
    if (lastError.step && !lastError.message.includes(lastError.step))
      reasons.push(t('Step: {{step}}', { step: lastError.step }));
  }
  if (reasons.length === 0) return <Tag color={color}>{t(label)}</Tag>;
  return (
    <Tooltip
      title={reasons.map((reason) => (
        <div key={reason}>{reason}</div>
      ))}
    >
      <Tag color={color} tabIndex={0} aria-label={[t(label), ...reasons].join('. ')}>
        {t(label)}
      </Tag>
    </Tooltip>
  );
}

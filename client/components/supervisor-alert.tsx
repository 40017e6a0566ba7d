import { Alert, Button, Flex, Typography } from 'antd';
import type { SupervisorInfo } from '../api-types';
import { useT } from '../locale';

const TITLES = {
  restart_required: 'NocoBase must be restarted',
  inert: 'App Supervisor is not active',
} as const;

/** What to do, where the server's own sentence is too short to say it. */
function adviceFor({ state, reasonCode }: SupervisorInfo): string | undefined {
  if (state === 'restart_required') {
    return 'Restart the NocoBase process (not only this application), then check again. Until then sub-applications are not available.';
  }
  if (reasonCode === 'APP_SUPERVISOR_PEER_ENABLED') {
    return 'Disable "Multi-app manager" in the plugin manager, then check again. The applications registered there are kept and run under App Supervisor.';
  }
  return undefined;
}

interface SupervisorAlertProps {
  info: SupervisorInfo;
  checking: boolean;
  onCheck: () => void;
}

/** What keeps the supervisor from working: why, what to do, and the code to look up. */
export function SupervisorAlert({ info, checking, onCheck }: SupervisorAlertProps) {
  const t = useT();
  if (info.state === 'active') return null;
  const advice = adviceFor(info);
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      message={t(TITLES[info.state])}
      description={
        <Flex vertical gap="small">
          {info.message}
          {advice ? <span>{t(advice)}</span> : null}
          {info.reasonCode ? <Typography.Text type="secondary">{info.reasonCode}</Typography.Text> : null}
        </Flex>
      }
      action={
        <Button size="small" loading={checking} onClick={onCheck}>
          {t('Check again')}
        </Button>
      }
    />
  );
}

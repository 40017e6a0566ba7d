import { Alert, Button, Flex, Typography } from 'antd';
import type { SupervisorInfo } from '../api-types';
import { useT } from '../locale';

const TITLES = {
  standby: 'Another process manages the applications',
  restart_required: 'NocoBase must be restarted',
  inert: 'App Supervisor is not active',
} as const;

const HOW_TO_RESTART =
  'For example "docker compose restart", "pm2 restart" or "systemctl restart", with the name under which NocoBase runs.';

const CLUSTER_WARNING =
  'CLUSTER_MODE is set: several processes share one port, and only one of them manages applications. Remove it.';

/** What to do, where the server's own sentence is too short to say it. */
function adviceFor({ state, reasonCode }: SupervisorInfo): string | undefined {
  if (state === 'restart_required') {
    return 'Restart the NocoBase process (not only this application), then check again. Until then sub-applications are not available.';
  }
  if (reasonCode === 'APP_SUPERVISOR_PEER_ENABLED') {
    return 'Disable "Multi-app manager" in the plugin manager, then check again. The applications registered there are kept and run under App Supervisor.';
  }
  if (state === 'standby') return 'Reload this page in a moment. If this process is not needed, stop it.';
  return undefined;
}

/** A version that was uploaded while NocoBase runs another one. */
function NewerVersion({ info: { version, installedVersion } }: { info: SupervisorInfo }) {
  const t = useT();
  if (!installedVersion || installedVersion === version) return null;
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      style={{ marginBottom: 16 }}
      message={t('Version {{installed}} is installed, and version {{running}} runs until NocoBase is restarted', {
        installed: installedVersion,
        running: version,
      })}
      description={t(HOW_TO_RESTART)}
    />
  );
}

interface SupervisorAlertProps {
  info: SupervisorInfo;
  checking: boolean;
  onCheck: () => void;
}

/** What keeps the supervisor from working: why, what to do, and the code to look up. */
export function SupervisorAlert({ info, checking, onCheck }: SupervisorAlertProps) {
  const t = useT();
  if (info.state === 'active') {
    return (
      <>
        {info.clusterMode ? <Alert type="warning" showIcon role="alert" message={t(CLUSTER_WARNING)} /> : null}
        <NewerVersion info={info} />
      </>
    );
  }
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
          {info.state === 'restart_required' ? <span>{t(HOW_TO_RESTART)}</span> : null}
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

import { Card, Spin } from 'antd';
import { ApplicationsPanel } from '../components/applications-panel';
import { ErrorAlert } from '../components/error-alert';
import { SupervisorAlert } from '../components/supervisor-alert';
import { useSupervisorInfo } from '../hooks/use-supervisor-info';

/** The settings page: what keeps the supervisor from working, or else the applications. */
export function ApplicationsPage() {
  const { info, error, loading, refresh } = useSupervisorInfo();
  return (
    <Card>
      <ErrorAlert error={error} />
      {!info && loading ? <Spin /> : null}
      {info && info.state !== 'active' ? (
        <SupervisorAlert info={info} checking={loading} onCheck={() => void refresh()} />
      ) : null}
      {info?.state === 'active' ? <ApplicationsPanel /> : null}
    </Card>
  );
}

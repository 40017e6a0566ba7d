import { Card, Spin } from 'antd';
import type { ReactNode } from 'react';
import { useSupervisorInfo } from '../hooks/use-supervisor-info';
import { ErrorAlert } from './error-alert';
import { SupervisorAlert } from './supervisor-alert';

/** What a screen shows where the supervisor works; where it does not, why, and what to do. */
export function Supervised({ children }: { children: ReactNode }) {
  const { value: info, error, loading, refresh } = useSupervisorInfo();
  return (
    <Card>
      <ErrorAlert error={error} />
      {!info && loading ? <Spin /> : null}
      {info && info.state !== 'active' ? (
        <SupervisorAlert info={info} checking={loading} onCheck={() => void refresh()} />
      ) : null}
      {info?.state === 'active' ? children : null}
    </Card>
  );
}

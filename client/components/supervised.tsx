import { Button, Card, Spin } from 'antd';
import type { ReactNode } from 'react';
import type { ApiError } from '../api-error';
import { useFresh, WATCHING_MS } from '../hooks/use-fresh';
import { useSupervisorInfo } from '../hooks/use-supervisor-info';
import { useT } from '../locale';
import { ErrorAlert } from './error-alert';
import { SupervisorAlert } from './supervisor-alert';

/** What a screen shows where the supervisor works; where it does not, why, and what to do. */
export function Supervised({ children }: { children: ReactNode }) {
  const { value: info, error, loading, refresh } = useSupervisorInfo();
  return (
    <Card>
      {error && !info ? <Unreached error={error} refresh={refresh} /> : <ErrorAlert error={error} />}
      {!info && loading ? <Spin /> : null}
      {info ? <SupervisorAlert info={info} checking={loading} onCheck={() => void refresh()} /> : null}
      {info?.state === 'active' ? children : null}
    </Card>
  );
}

/** Nothing is known yet: NocoBase may only be restarting. It is asked again, now and then and when somebody wishes. */
function Unreached({ error, refresh }: { error: ApiError; refresh: () => Promise<void> }) {
  const t = useT();
  useFresh(refresh, WATCHING_MS);
  const again = (
    <Button size="small" onClick={() => void refresh()}>
      {t('Try again')}
    </Button>
  );
  return <ErrorAlert error={error} action={again} />;
}

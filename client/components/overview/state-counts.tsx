import { Card, Flex, Statistic, theme } from 'antd';
import { Link } from 'react-router-dom';
import { APP_STATES, type AppState } from '../../../src/app-state';
import type { StateCounts as Counts } from '../../api-types';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';

/** Always shown; the others only where there are any. */
const USUAL: ReadonlySet<AppState> = new Set<AppState>(['running', 'asleep', 'stopped', 'failed', 'quarantined']);

interface StateCountsProps {
  total: number;
  states: Counts;
}

/** How many applications are in which state; each leads to the list of them. */
export function StateCounts({ total, states }: StateCountsProps) {
  const t = useT();
  const { token } = theme.useToken();
  const { listPath } = useSupervisor();
  const colors: Partial<Record<AppState, string>> = {
    running: token.colorSuccess,
    failed: token.colorError,
    quarantined: token.colorError,
  };
  const shown = (Object.keys(APP_STATES) as AppState[]).filter((state) => USUAL.has(state) || states[state]);
  const card = (key: string, title: string, count: number, query: string, color?: string) => (
    <Link key={key} to={`${listPath}${query}`} style={{ flex: '1 1 110px' }}>
      <Card size="small" hoverable>
        <Statistic title={title} value={count} valueStyle={count && color ? { color } : undefined} />
      </Card>
    </Link>
  );
  return (
    <Flex wrap gap="small">
      {card('all', t('All'), total, '')}
      {shown.map((state) =>
        card(state, t(APP_STATES[state].label), states[state] ?? 0, `?state=${state}`, colors[state]),
      )}
    </Flex>
  );
}

import { OverviewPanel } from '../components/overview/overview-panel';
import { Supervised } from '../components/supervised';

/** The tab of what the supervisor holds at this moment. */
export function OverviewPage() {
  return (
    <Supervised>
      <OverviewPanel />
    </Supervised>
  );
}

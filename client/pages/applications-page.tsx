import { AppPage } from '../components/app-page/app-page';
import { ApplicationsPanel } from '../components/fleet/applications-panel';
import { Supervised } from '../components/supervised';
import { usePageAddress } from '../hooks/use-page-address';

/** The tab of the applications: the list, or the page of the one that the address names. */
export function ApplicationsPage() {
  const [address, change] = usePageAddress();
  return (
    <Supervised>
      {address.app ? (
        <AppPage key={address.app} name={address.app} view={address.view} change={change} />
      ) : (
        <ApplicationsPanel address={address} change={change} />
      )}
    </Supervised>
  );
}

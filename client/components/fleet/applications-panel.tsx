import { useCallback, useState } from 'react';
import { useApplications } from '../../hooks/use-applications';
import type { ChangeAddress, PageAddress } from '../../hooks/use-page-address';
import { CommandsProvider } from '../commands';
import { ErrorAlert } from '../error-alert';
import { ApplicationsTable } from './applications-table';
import { ApplicationsToolbar } from './applications-toolbar';
import { BulkBar } from './bulk-bar';

interface ApplicationsPanelProps {
  address: PageAddress;
  change: ChangeAddress;
}

/** The list of applications and what can be done with them. */
export function ApplicationsPanel({ address, change }: ApplicationsPanelProps) {
  const applications = useApplications(address, change);
  const [selected, setSelected] = useState<readonly string[]>([]);
  const { refresh } = applications;
  const forget = (name: string) => setSelected((before) => before.filter((other) => other !== name));
  const showExport = useCallback((name: string) => change({ app: name, view: 'archives' }), [change]);

  return (
    <CommandsProvider onChanged={refresh} onRemoved={forget} onExporting={showExport}>
      <ErrorAlert error={applications.error} />
      <ApplicationsToolbar
        address={address}
        change={change}
        states={applications.states}
        onRefresh={() => void refresh()}
      />
      <BulkBar
        names={selected}
        onClear={() => setSelected([])}
        onDone={(failed) => {
          setSelected(failed);
          void refresh();
        }}
      />
      <ApplicationsTable
        applications={applications}
        address={address}
        change={change}
        selected={selected}
        onSelect={setSelected}
      />
    </CommandsProvider>
  );
}

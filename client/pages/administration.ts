// Loaded by itself when the first of these pages is shown: whoever only uses block and switcher has no use for them.
import type { ComponentType } from 'react';
import { superviseIn, withSupervisor, type HostApplication } from '../supervisor-context';
import { ApplicationsPage } from './applications-page';
import { OverviewPage } from './overview-page';

export interface AdministrationPages {
  Applications: ComponentType;
  Overview: ComponentType;
}

/** The pages in the settings, for the client that they are registered in. */
export function administrationPages(app: HostApplication, listPath: string): AdministrationPages {
  const supervisor = superviseIn(app, listPath);
  return {
    Applications: withSupervisor(supervisor, ApplicationsPage),
    Overview: withSupervisor(supervisor, OverviewPage),
  };
}

import { createContext, useContext, type ComponentType } from 'react';
import type { SupervisorApi } from './api';

/** What differs between the two clients, handed in by their entries. */
export interface Supervisor {
  api: SupervisorApi;
  /** The public path of this client in front of a path: `/apps/crm/admin/`, or `/v/apps/crm/admin/` in the v2 client. */
  routeUrl: (path: string) => string;
}

const SupervisorContext = createContext<Supervisor | undefined>(undefined);

export function useSupervisor(): Supervisor {
  const supervisor = useContext(SupervisorContext);
  if (!supervisor) throw new Error('useSupervisor needs a page made by withSupervisor');
  return supervisor;
}

/** The page, bound to the client that it is registered in. */
export function withSupervisor(supervisor: Supervisor, Page: ComponentType): ComponentType {
  return function SupervisedPage() {
    return (
      <SupervisorContext.Provider value={supervisor}>
        <Page />
      </SupervisorContext.Provider>
    );
  };
}

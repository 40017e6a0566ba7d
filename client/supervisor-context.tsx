import { createContext, useContext, type ComponentType } from 'react';
import { SupervisorApi } from './api';
import type { Request } from './api-types';
import { liveChannel, type LiveChannel } from './live';

/** What the screens need of the client that they are shown in. */
export interface Supervisor {
  api: SupervisorApi;
  /** The public path of this client in front of a path: `/apps/crm/admin/`, or `/v/apps/crm/admin/` in the v2 client. */
  routeUrl: (path: string) => string;
  live: LiveChannel;
  /** Where the list of applications is, within this client. */
  listPath: string;
}

/** The application object of either client, as far as it is used. */
export interface HostApplication {
  apiClient: { request: Request };
  getRouteUrl(path: string): string;
  eventBus: EventTarget;
  ws: { readonly connected: boolean };
}

export function superviseIn(app: HostApplication, listPath: string): Supervisor {
  return {
    api: new SupervisorApi((request) => app.apiClient.request(request)),
    routeUrl: (path) => app.getRouteUrl(path),
    live: liveChannel(app),
    listPath,
  };
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

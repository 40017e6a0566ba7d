// The part of NocoBase's two clients that this plugin uses. Their packages are provided by the page at run time and
// need not be installed to build this plugin.

declare module '@nocobase/client' {
  import type { ComponentType, ReactNode } from 'react';

  export interface ClientRequest {
    url: string;
    method?: 'get' | 'post';
    params?: Record<string, unknown>;
    data?: unknown;
    /** No toast on failure: the caller shows the error itself. */
    skipNotify?: boolean;
  }

  export interface ClientApplication {
    apiClient: { request(request: ClientRequest): Promise<{ data: unknown }> };
    /** The name of the sub-application that the address names, or null in the main application. */
    getName(): string | null;
    /** The public path of this client in front of a path of its own. */
    getRouteUrl(path: string): string;
    pluginSettingsManager: {
      add(
        name: string,
        options: {
          title: string;
          icon?: string;
          sort?: number;
          aclSnippet?: string;
          Component?: ComponentType<{ children?: ReactNode }>;
        },
      ): void;
    };
  }

  export class Plugin {
    options: { name?: string; packageName?: string };
    protected app: ClientApplication;
    load(): Promise<void>;
    t(text: string): string;
  }
}

declare module '@nocobase/client-v2' {
  import type { ComponentType } from 'react';
  import type { ClientApplication as SharedApplication } from '@nocobase/client';

  export type ClientApplication = Omit<SharedApplication, 'pluginSettingsManager'>;

  export interface PluginSettingsManager {
    addMenuItem(options: { key: string; title: string; icon?: string; sort?: number; aclSnippet?: string }): void;
    addPageTabItem(options: {
      menuKey: string;
      key: string;
      title: string;
      sort?: number;
      aclSnippet?: string;
      componentLoader: () => Promise<{ default: ComponentType }>;
    }): void;
    setPluginSettingsLink(pluginName: string, settingsName: string): void;
  }

  export class Plugin {
    options: { name?: string; packageName?: string };
    protected app: ClientApplication;
    get pluginSettingsManager(): PluginSettingsManager;
    load(): Promise<void>;
    t(text: string): string;
  }
}

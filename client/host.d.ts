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

  /** An application in the switcher that NocoBase draws. */
  export interface AppListItem {
    title: string;
    url: string;
    icon?: ReactNode;
    target?: string;
  }

  export class SchemaSettings {
    constructor(options: { name: string; items: { name: string; type: string }[] });
  }

  export const SchemaInitializerItem: ComponentType<{ onClick: () => void }>;
  export function useSchemaInitializer(): { insert: (schema: Record<string, unknown>) => void };
  export function useSchemaInitializerItem(): Record<string, unknown>;

  export interface ClientApplication {
    flowEngine: import('./entries/flow-engine').FlowEngine;
    i18n: { t(text: string, options: { ns: string }): string };
    addComponents(components: Record<string, ComponentType>): void;
    schemaInitializerManager: {
      addItem(initializer: string, name: string, item: { title: string; icon?: string; Component: string }): void;
    };
    schemaSettingsManager: { add(settings: SchemaSettings): void };
    setAppsProvider(provider: { loadAppList: () => Promise<AppListItem[]> }): void;
    apiClient: { request(request: ClientRequest): Promise<{ data: unknown }> };
    /** The name of the sub-application that the address names, or null in the main application. */
    getName(): string | null;
    /** The public path of this client in front of a path of its own. */
    getRouteUrl(path: string): string;
    /** Messages of the WebSocket come as `ws:message:<type>`. */
    eventBus: EventTarget;
    ws: { readonly connected: boolean };
    pluginSettingsManager: {
      add(
        name: string,
        options: {
          title: string;
          icon?: string;
          sort?: number;
          aclSnippet?: string;
          /** Stays away where the page only holds tabs. */
          Component?: ComponentType<{ children?: ReactNode }>;
        },
      ): void;
    };
  }

  export class Plugin {
    options: { name?: string; packageName?: string; options?: { application?: string } | null };
    protected app: ClientApplication;
    load(): Promise<void>;
    t(text: string): string;
  }
}

declare module '@nocobase/client-v2' {
  import type { ComponentType } from 'react';
  import type { ClientApplication as SharedApplication } from '@nocobase/client';

  export type ClientApplication = Omit<
    SharedApplication,
    'pluginSettingsManager' | 'schemaInitializerManager' | 'schemaSettingsManager' | 'setAppsProvider'
  >;

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
    options: { name?: string; packageName?: string; options?: { application?: string } | null };
    protected app: ClientApplication;
    get pluginSettingsManager(): PluginSettingsManager;
    load(): Promise<void>;
    t(text: string): string;
  }
}

/** A style sheet is bundled as its text. */
declare module '*.css' {
  const text: string;
  export default text;
}

import { Plugin } from '@nocobase/client-v2';
import type { ComponentType } from 'react';
import type { Request } from './api-types';
import { NAMESPACE, SETTINGS_KEY, SETTINGS_SNIPPET } from './constants';
import { appsBlock } from './entries/apps-block';
import { EntrySource } from './entries/entry-source';
import { registerAppsBlock, registerSwitcher } from './entries/flow-models';
import { latePages } from './late-pages';

/** The entry for NocoBase's v2 client, at `/v/admin`. */
export default class AppSupervisorClientV2Plugin extends Plugin {
  override async load(): Promise<void> {
    const { app } = this;
    const request: Request = (asked) => app.apiClient.request(asked);
    const pathApplication = app.getName() ?? undefined;
    const application = this.options.options?.application ?? pathApplication;
    const routeUrl = (path: string) => app.getRouteUrl(path);
    const source = new EntrySource({ request, routeUrl, application, pathApplication });
    registerAppsBlock(app.flowEngine, appsBlock(source));
    registerSwitcher(app.flowEngine, source);
    // Sub-applications are managed in the main application only.
    if (application !== undefined) return;
    const pages = latePages(app, `/admin/settings/${SETTINGS_KEY}`);
    const settings = this.pluginSettingsManager;
    const tab = (key: string, title: string, sort: number, Page: ComponentType) =>
      settings.addPageTabItem({
        menuKey: SETTINGS_KEY,
        key,
        title: this.t(title),
        sort,
        aclSnippet: SETTINGS_SNIPPET,
        componentLoader: () => Promise.resolve({ default: Page }),
      });
    settings.addMenuItem({
      key: SETTINGS_KEY,
      title: this.t('App Supervisor'),
      icon: 'AppstoreOutlined',
      aclSnippet: SETTINGS_SNIPPET,
    });
    tab('index', 'Applications', 1, pages.Applications);
    tab('overview', 'Overview', 2, pages.Overview);
    settings.setPluginSettingsLink(this.options.name ?? NAMESPACE, SETTINGS_KEY);
  }
}

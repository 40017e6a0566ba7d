import { Plugin } from '@nocobase/client-v2';
import { SupervisorApi } from './api';
import { NAMESPACE, SETTINGS_KEY, SETTINGS_SNIPPET } from './constants';
import { ApplicationsPage } from './pages/applications-page';
import { withSupervisor } from './supervisor-context';

/** The entry for NocoBase's v2 client, at `/v/admin`. */
export default class AppSupervisorClientV2Plugin extends Plugin {
  override async load(): Promise<void> {
    const { app } = this;
    // Sub-applications are managed in the main application only.
    if (app.getName()) return;
    const supervisor = {
      api: new SupervisorApi((request) => app.apiClient.request(request)),
      routeUrl: (path: string) => app.getRouteUrl(path),
    };
    this.pluginSettingsManager.addMenuItem({
      key: SETTINGS_KEY,
      title: this.t('App Supervisor'),
      icon: 'AppstoreOutlined',
      aclSnippet: SETTINGS_SNIPPET,
    });
    this.pluginSettingsManager.addPageTabItem({
      menuKey: SETTINGS_KEY,
      key: 'index',
      title: this.t('Applications'),
      sort: 1,
      aclSnippet: SETTINGS_SNIPPET,
      componentLoader: () => Promise.resolve({ default: withSupervisor(supervisor, ApplicationsPage) }),
    });
    this.pluginSettingsManager.setPluginSettingsLink(this.options.name ?? NAMESPACE, SETTINGS_KEY);
  }
}

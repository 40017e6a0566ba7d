import { Plugin } from '@nocobase/client-v2';
import { SupervisorApi, type ClientRequest } from './api';
import { NAMESPACE, SETTINGS_KEY, SETTINGS_SNIPPET } from './constants';
import { appsBlock } from './entries/apps-block';
import { EntrySource } from './entries/entry-source';
import { registerAppsBlock, registerSwitcher } from './entries/flow-models';
import { ApplicationsPage } from './pages/applications-page';
import { withSupervisor } from './supervisor-context';

/** The entry for NocoBase's v2 client, at `/v/admin`. */
export default class AppSupervisorClientV2Plugin extends Plugin {
  override async load(): Promise<void> {
    const { app } = this;
    const request = (asked: ClientRequest) => app.apiClient.request(asked);
    const pathApplication = app.getName() ?? undefined;
    const application = this.options.options?.application ?? pathApplication;
    const routeUrl = (path: string) => app.getRouteUrl(path);
    const source = new EntrySource({ request, routeUrl, application, pathApplication });
    registerAppsBlock(app.flowEngine, appsBlock(source));
    registerSwitcher(app.flowEngine, source);
    // Sub-applications are managed in the main application only.
    if (application !== undefined) return;
    const supervisor = {
      api: new SupervisorApi(request),
      routeUrl,
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

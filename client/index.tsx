import { Plugin } from '@nocobase/client';
import { SupervisorApi } from './api';
import { NAMESPACE, SETTINGS_KEY, SETTINGS_SNIPPET } from './constants';
import { ApplicationsPage } from './pages/applications-page';
import { withSupervisor } from './supervisor-context';

/** The entry for NocoBase's v1 client, at `/admin`. */
export default class AppSupervisorClientPlugin extends Plugin {
  override async load(): Promise<void> {
    const { app } = this;
    // Sub-applications are managed in the main application only.
    if (app.getName()) return;
    const supervisor = {
      api: new SupervisorApi((request) => app.apiClient.request(request)),
      routeUrl: (path: string) => app.getRouteUrl(path),
    };
    app.pluginSettingsManager.add(SETTINGS_KEY, {
      title: `{{t("App Supervisor", { ns: "${NAMESPACE}" })}}`,
      icon: 'AppstoreOutlined',
      aclSnippet: SETTINGS_SNIPPET,
      Component: withSupervisor(supervisor, ApplicationsPage),
    });
  }
}

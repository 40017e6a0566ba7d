import { Plugin } from '@nocobase/client';
import { SupervisorApi } from './api';
import { APPLICATIONS_SNIPPET, NAMESPACE, SETTINGS_KEY } from './constants';
import { ApplicationsPage } from './pages/applications-page';
import { withSupervisor } from './supervisor-context';

const title = (text: string) => `{{t("${text}", { ns: "${NAMESPACE}" })}}`;

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
    app.pluginSettingsManager.add(SETTINGS_KEY, { title: title('App Supervisor'), icon: 'AppstoreOutlined' });
    app.pluginSettingsManager.add(`${SETTINGS_KEY}.applications`, {
      title: title('Applications'),
      sort: 1,
      aclSnippet: APPLICATIONS_SNIPPET,
      Component: withSupervisor(supervisor, ApplicationsPage),
    });
  }
}

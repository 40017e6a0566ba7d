import { Plugin } from '@nocobase/client';
import { SupervisorApi, type ClientRequest } from './api';
import { NAMESPACE, SETTINGS_KEY, SETTINGS_SNIPPET } from './constants';
import { EntrySource } from './entries/entry-source';
import { ApplicationsPage } from './pages/applications-page';
import { withSupervisor } from './supervisor-context';
import { offerEntries } from './v1/entries';

/** The entry for NocoBase's v1 client, at `/admin`. */
export default class AppSupervisorClientPlugin extends Plugin {
  override async load(): Promise<void> {
    const { app } = this;
    const request = (asked: ClientRequest) => app.apiClient.request(asked);
    const pathApplication = app.getName() ?? undefined;
    const application = this.options.options?.application ?? pathApplication;
    const routeUrl = (path: string) => app.getRouteUrl(path);
    offerEntries(app, new EntrySource({ request, routeUrl, application, pathApplication }));
    // Sub-applications are managed in the main application only.
    if (application !== undefined) return;
    const supervisor = {
      api: new SupervisorApi(request),
      routeUrl,
    };
    app.pluginSettingsManager.add(SETTINGS_KEY, {
      title: `{{t("App Supervisor", { ns: "${NAMESPACE}" })}}`,
      icon: 'AppstoreOutlined',
      aclSnippet: SETTINGS_SNIPPET,
      Component: withSupervisor(supervisor, ApplicationsPage),
    });
  }
}

import { Plugin } from '@nocobase/client';
import type { Request } from './api-types';
import { NAMESPACE, SETTINGS_KEY, SETTINGS_SNIPPET } from './constants';
import { EntrySource } from './entries/entry-source';
import { latePages } from './late-pages';
import { offerEntries } from './v1/entries';

const text = (sentence: string) => `{{t("${sentence}", { ns: "${NAMESPACE}" })}}`;

/** The entry for NocoBase's v1 client, at `/admin`. */
export default class AppSupervisorClientPlugin extends Plugin {
  override async load(): Promise<void> {
    const { app } = this;
    const request: Request = (asked) => app.apiClient.request(asked);
    const pathApplication = app.getName() ?? undefined;
    const application = this.options.options?.application ?? pathApplication;
    const routeUrl = (path: string) => app.getRouteUrl(path);
    offerEntries(app, new EntrySource({ request, routeUrl, application, pathApplication }));
    // Sub-applications are managed in the main application only.
    if (application !== undefined) return;
    const pages = latePages(app, `/admin/settings/${SETTINGS_KEY}/applications`);
    const settings = app.pluginSettingsManager;
    settings.add(SETTINGS_KEY, {
      title: text('App Supervisor'),
      icon: 'AppstoreOutlined',
      aclSnippet: SETTINGS_SNIPPET,
    });
    settings.add(`${SETTINGS_KEY}.applications`, {
      title: text('Applications'),
      sort: 1,
      aclSnippet: SETTINGS_SNIPPET,
      Component: pages.Applications,
    });
    settings.add(`${SETTINGS_KEY}.overview`, {
      title: text('Overview'),
      sort: 2,
      aclSnippet: SETTINGS_SNIPPET,
      Component: pages.Overview,
    });
  }
}

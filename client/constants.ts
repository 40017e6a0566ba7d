/** The package name: also the namespace of the translations. */
export const NAMESPACE = 'nocobase-plugin-app-supervisor';

/** Where the pages stand in the settings: `/admin/settings/app-supervisor`. Not derived from the plugin's name. */
export const SETTINGS_KEY = 'app-supervisor';

/** A role without this snippet sees neither the page nor, on the server, its actions. */
export const SETTINGS_SNIPPET = 'pm.app-supervisor';

import {
  SchemaInitializerItem,
  SchemaSettings,
  useSchemaInitializer,
  useSchemaInitializerItem,
  type AppListItem,
  type ClientApplication,
} from '@nocobase/client';
import { AppIcon } from '../components/app-icon';
import { NAMESPACE } from '../constants';
import { appsBlock } from '../entries/apps-block';
import type { EntrySource } from '../entries/entry-source';
import { registerAppsBlock } from '../entries/flow-models';

const BLOCK = 'AppSupervisorApps';
const INITIALIZER = 'AppSupervisorAppsInitializer';
const SETTINGS = 'blockSettings:appSupervisorApps';
/** The menus "Add block" of pages, pop-ups and mobile pages. */
const PLACES = ['page:addBlock', 'popup:common:addBlock', 'popup:addNew:addBlock', 'mobile:addBlock'];
const TITLE = `{{t("Applications", { ns: "${NAMESPACE}" })}}`;

function AppsInitializer() {
  const { insert } = useSchemaInitializer();
  const item = useSchemaInitializerItem();
  const block = {
    type: 'void',
    'x-component': BLOCK,
    'x-decorator': 'CardItem',
    'x-settings': SETTINGS,
    'x-toolbar': 'BlockSchemaToolbar',
  };
  return <SchemaInitializerItem {...item} onClick={() => insert(block)} />;
}

/** The Applications block and the switcher of the v1 client. */
export function offerEntries(app: ClientApplication, source: EntrySource): void {
  const Block = appsBlock(source);
  app.addComponents({ [BLOCK]: Block, [INITIALIZER]: AppsInitializer });
  app.schemaSettingsManager.add(new SchemaSettings({ name: SETTINGS, items: [{ name: 'remove', type: 'remove' }] }));
  for (const place of PLACES) {
    app.schemaInitializerManager.addItem(place, 'otherBlocks.appSupervisorApps', {
      title: TITLE,
      icon: 'AppstoreOutlined',
      Component: INITIALIZER,
    });
  }
  registerAppsBlock(app.flowEngine, Block);
  app.setAppsProvider({ loadAppList: () => listForSwitcher(app, source) });
}

/** NocoBase draws the list itself. Without a list there is no switcher. */
async function listForSwitcher(app: ClientApplication, source: EntrySource): Promise<AppListItem[]> {
  const entries = await source.load('switcher').catch(() => []);
  return entries.flatMap((entry) => {
    if (!entry.url) return [];
    const title = entry.here ? `${entry.title} (${app.i18n.t('Current', { ns: NAMESPACE })})` : entry.title;
    return [{ title, url: entry.url, target: source.target, icon: <AppIcon {...entry} size={32} /> }];
  });
}

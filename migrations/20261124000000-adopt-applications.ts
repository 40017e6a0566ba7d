import { Migration } from '@nocobase/server';
import type { PluginAppSupervisor } from '../server/plugin';

/**
 * Rows that another plugin, or an older version of this one, left in `applications`: fills in their start mode and
 * moves their secrets out of `options`. The plugin's `install()` does the same when it is first enabled, since
 * migrations run on an upgrade only.
 */
export default class AdoptApplications extends Migration {
  override on = 'afterLoad';

  override async up(): Promise<void> {
    if (this.app.name !== 'main') return;
    await (this.plugin as PluginAppSupervisor).adoptRows();
  }
}

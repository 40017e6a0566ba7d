import { defineCollection } from '@nocobase/database';

/**
 * The registered applications. A superset of the collection of multi-app-manager, so that its rows keep working;
 * our own fields have no default in the database, which tells older rows from ours.
 */
export default defineCollection({
  name: 'applications',
  dumpRules: { group: 'third-party' },
  migrationRules: ['schema-only', 'overwrite'],
  dataCategory: 'business',
  autoGenId: false,
  sortable: 'sort',
  filterTargetKey: 'name',
  fields: [
    { type: 'string', name: 'name', primaryKey: true },
    { type: 'string', name: 'displayName' },
    { type: 'string', name: 'cname', unique: true },
    // Further custom domains: a list of host names.
    { type: 'json', name: 'domains' },
    { type: 'boolean', name: 'pinned' },
    { type: 'string', name: 'icon' },
    // A data URI of 64 KB and more: longer than the plain text of MySQL.
    { type: 'text', name: 'iconImage', length: 'medium' },
    { type: 'boolean', name: 'hidden' },
    // Written by older plugins only; what callers see is computed.
    { type: 'string', name: 'status', defaultValue: 'pending' },
    { type: 'json', name: 'options' },
    { type: 'string', name: 'startMode' },
    { type: 'date', name: 'stoppedAt' },
    // Seconds; null is the default of the process, 0 never.
    { type: 'integer', name: 'idleTimeout' },
    { type: 'boolean', name: 'keepAwake' },
    { type: 'string', name: 'onSchedule' },
    // The application's own limits; an absent one is the default of the process.
    { type: 'json', name: 'limits' },
    { type: 'date', name: 'nextDueAt' },
    { type: 'date', name: 'lastVisitedAt' },
    { type: 'date', name: 'removedAt' },
    { type: 'json', name: 'removal', hidden: true },
    { type: 'json', name: 'provisioning', hidden: true },
    { type: 'text', name: 'secrets', hidden: true },
    // Only ever read in the hook that makes a new row; never stored.
    { type: 'virtual', name: 'admin', hidden: true },
    { type: 'virtual', name: 'adopt', hidden: true },
  ],
});

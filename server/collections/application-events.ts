import { defineCollection } from '@nocobase/database';

/** The timelines of the applications, also of those that were removed; `src/events.ts` says what is told. */
export default defineCollection({
  name: 'applicationEvents',
  dumpRules: { group: 'log' },
  migrationRules: ['schema-only'],
  dataCategory: 'system',
  createdAt: false,
  updatedAt: false,
  fields: [
    { type: 'bigInt', name: 'id', primaryKey: true, autoIncrement: true },
    { type: 'string', name: 'application', index: true },
    { type: 'string', name: 'type' },
    { type: 'date', name: 'at', index: true },
    { type: 'json', name: 'by' },
    { type: 'string', name: 'reason' },
    { type: 'text', name: 'message' },
    { type: 'json', name: 'journey' },
  ],
});

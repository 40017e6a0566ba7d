import { ISOLATION_REASONS } from '../../src/isolation';
import { DB_CONN_TYPES } from '../../src/database-options';
import { APP_EVENT_TYPES } from '../../src/events';
import { maybe } from './pieces';

/** Shapes that several descriptions have in common. */

export const text = (description: string) => ({ type: 'string', description });
export const time = (description: string) => ({ type: 'string', format: 'date-time', description });

const said = (schema: { description: string }) => maybe({ type: 'string', ...schema });

export const actor = { $ref: '#/components/schemas/Actor' };
export const journey = { $ref: '#/components/schemas/Journey' };

const actorShape = {
  type: 'object',
  description: 'Who or what made it happen, and from where.',
  properties: {
    kind: { type: 'string', enum: ['user', 'operator', 'visitor', 'schedule', 'system'] },
    id: maybe({ oneOf: [{ type: 'integer' }, { type: 'string' }], description: 'Of a user.' }),
    name: said({ description: 'Of a user; of an operator in his operating system.' }),
    role: said({ description: 'Of a user: the role in which he acted.' }),
    apiKey: said({ description: 'Of a user who acted by an API key: its name, empty where it is not known.' }),
    address: said({ description: "Of a user: his client's network address." }),
    via: maybe({ type: 'string', enum: ['request', 'page', 'socket'], description: 'Of a visitor.' }),
  },
};

const journeyShape = {
  type: 'object',
  nullable: true,
  description: 'How it came up, or how far it came; times in milliseconds.',
  properties: {
    kind: { type: 'string', enum: ['wake', 'making', 'upgrade'] },
    by: actor,
    startedAt: { type: 'integer', description: 'Epoch milliseconds.' },
    ms: { type: 'integer' },
    outcome: { type: 'string', enum: ['pending', 'running', 'stopped', 'failed'] },
    code: maybe(text('Of a failed one: a code of the documented table.')),
    steps: {
      type: 'array',
      items: {
        type: 'object',
        properties: { step: text('Name of the step.'), at: { type: 'integer' }, ms: { type: 'integer' } },
      },
    },
  },
};

/** Shapes that have a name of their own. */
export const shared = { Actor: actorShape, Journey: journeyShape };

export const event = {
  type: 'object',
  properties: {
    type: { type: 'string', enum: Object.keys(APP_EVENT_TYPES) },
    at: time('When.'),
    by: actor,
    reason: { ...text('Why.'), nullable: true },
    message: { ...text('What went wrong, or what it was about.'), nullable: true },
    journey,
  },
};

export const budget = {
  type: 'object',
  properties: {
    limit: { type: 'integer', description: 'How many there may be at most.' },
    inUse: { type: 'integer', description: 'How many are open.' },
    waiting: { type: 'integer', description: 'How many are waited for.' },
    holders: {
      type: 'object',
      description: 'By application; `(provisioning)` is the making of databases.',
      additionalProperties: {
        type: 'object',
        properties: { inUse: { type: 'integer' }, waiting: { type: 'integer' } },
      },
    },
  },
};

export const address = {
  type: 'object',
  description: 'Where it is reached.',
  properties: {
    path: text("Under the main application's address."),
    hosts: {
      type: 'array',
      items: { type: 'string' },
      description: 'Hosts of its own: its custom domains, and one below each base domain.',
    },
    url: text('The address to visit, as a full URL.'),
  },
};

export const isolation = {
  type: 'object',
  description: 'Whether it has a role of its own at the database server, which reaches no data of others.',
  properties: {
    isolated: { type: 'boolean' },
    reason: { type: 'string', nullable: true, enum: [...ISOLATION_REASONS, null], description: 'Why it has none.' },
    sql: { type: 'string', nullable: true, description: 'For an administrator of the database server.' },
  },
};

export const databasePlace = {
  type: 'object',
  description: 'Where it keeps its data.',
  properties: {
    dialect: text("In NocoBase's words."),
    type: { type: 'string', enum: [...DB_CONN_TYPES], description: 'How it is connected to its data.' },
    host: maybe(text('Of a server that was named for it.')),
    database: text('Name of the database.'),
    schema: maybe(text('Name of the schema, where it has one.')),
  },
};

export const logFiles = {
  type: 'object',
  description: 'Log files of main and of all applications that could not be written, since the process began.',
  properties: {
    failing: { type: 'integer', description: 'Files that cannot be written now; each is opened again every 10 s.' },
    failures: { type: 'integer', description: 'Writes that failed.' },
    lostLines: { type: 'integer', description: 'Log lines that were not written, at least.' },
    last: {
      type: 'object',
      nullable: true,
      description: 'The last failure.',
      properties: { code: text('Code of the system, e.g. `ENOSPC`.'), at: time('When it happened.') },
    },
  },
};

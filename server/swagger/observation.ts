import { APP_STATES } from '../../src/app-state';
import { answer, data, denied, filterByTk, query, tags, unknown } from './pieces';
import { ref } from './schemas';
import { address, databasePlace, journey, text, time } from './shapes';

const refTo = (name: keyof typeof observationSchemas) => ({ $ref: `#/components/schemas/${name}` });

export const observationSchemas = {
  Details: {
    type: 'object',
    properties: {
      name: text('Its ID.'),
      version: {
        type: 'object',
        properties: {
          core: { type: 'string', nullable: true, description: "NocoBase's version in its database." },
          installedCore: text("NocoBase's version here."),
        },
      },
      database: {
        ...databasePlace,
        properties: { ...databasePlace.properties, bytes: { type: 'integer', nullable: true } },
      },
      memory: {
        type: 'object',
        properties: {
          estimateBytes: {
            type: 'integer',
            nullable: true,
            description: 'Its even share in the memory that all running applications take together.',
          },
        },
      },
      traffic: {
        type: 'object',
        properties: { requests: { type: 'integer' }, since: time('Since when they are counted.') },
      },
      lastVisitedAt: time("The last visitor's request; null when it was never visited."),
      address,
      journey,
    },
  },
  BulkResults: {
    type: 'object',
    properties: {
      results: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            name: text('Its ID.'),
            ok: { type: 'boolean' },
            application: { type: 'object', description: 'What a call for this one alone answers; where it is ok.' },
            code: text('A code of the documented table, where it is not.'),
            message: text('What went wrong and what to do.'),
          },
        },
      },
    },
  },
  StateCounts: {
    type: 'object',
    description: 'How many of all that match the search are in which state; removed ones do not count.',
    properties: Object.fromEntries(Object.keys(APP_STATES).map((state) => [state, { type: 'integer' }])),
  },
};

export const bulkResults = refTo('BulkResults');

const withEvents = {
  allOf: [ref('Application'), { type: 'object', properties: { events: { type: 'array', items: ref('Event') } } }],
};

export const observationPaths = {
  '/applications:list': {
    get: {
      tags,
      summary: 'List applications',
      parameters: [
        query('page', { type: 'integer', default: 1 }, 'Page, from 1.'),
        query('pageSize', { type: 'integer', default: 20 }, 'Applications on a page.'),
        query('filter', { type: 'string' }, 'Filter, as JSON.'),
        query('removed', { type: 'boolean', default: false }, 'Those that were removed, and can be restored.'),
        query('search', { type: 'string' }, 'In the ID, the name and the domain.'),
        query('state', { type: 'string' }, 'One state, or several with commas; the parameter may be repeated, too.'),
        query('sort', { type: 'string' }, 'Fields to sort by; a leading "-" turns the order round.'),
      ],
      responses: {
        200: answer('One page of applications.', {
          type: 'object',
          properties: {
            data: { type: 'array', items: ref('Application') },
            meta: { allOf: [ref('ListMeta'), { type: 'object', properties: { states: refTo('StateCounts') } }] },
          },
        }),
        ...denied,
      },
    },
  },
  '/applications:get': {
    get: {
      tags,
      summary: 'Get one application',
      parameters: [filterByTk],
      responses: {
        200: answer('The application, with its latest events.', data(withEvents)),
        ...denied,
        ...unknown,
      },
    },
  },
  '/applications:details': {
    get: {
      tags,
      summary: 'One application, looked at closely',
      description: 'Asks its database server, for some seconds at most; the application is not woken.',
      parameters: [filterByTk],
      responses: {
        200: answer('What is known of it; null stands for what cannot be known.', data(refTo('Details'))),
        ...denied,
        ...unknown,
      },
    },
  },
  '/applications:events': {
    get: {
      tags,
      summary: 'The timeline of an application, newest first, also after its removal',
      parameters: [
        filterByTk,
        query('page', { type: 'integer', default: 1 }, 'Page, from 1.'),
        query('pageSize', { type: 'integer', default: 20 }, 'Events on a page.'),
      ],
      responses: {
        200: answer('One page of events.', {
          type: 'object',
          properties: { data: { type: 'array', items: ref('Event') }, meta: ref('ListMeta') },
        }),
        ...denied,
      },
    },
  },
};

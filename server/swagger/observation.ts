import { LIMIT_NAMES, LIMITS } from '../../src/policies/limits';
import { APP_STATES } from '../../src/app-state';
import { errorsOf, NAMED } from './errors';
import { answer, data, filterByTk, maybe, page, pages, query, tags } from './pieces';
import { ref } from './schemas';
import { address, databasePlace, isolation, journey, logFiles, text, time } from './shapes';

const limit = (variable: string) => ({ type: 'integer', nullable: true, description: `${variable}; null for none.` });

const refTo = (name: keyof typeof observationSchemas) => ({ $ref: `#/components/schemas/${name}` });

const limitUsage = (label: string) => ({
  type: 'object',
  description: `${label}.`,
  properties: {
    value: { type: 'integer', description: 'The value in force; 0 means no limit.' },
    own: { type: 'boolean', description: 'Whether the value is its own, and not the default.' },
    used: { type: 'integer', nullable: true, description: 'How much of it is in use.' },
    refused: { type: 'integer', description: 'Refusals since the process started.' },
  },
});

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
        properties: {
          ...databasePlace.properties,
          bytes: { type: 'integer', nullable: true, description: 'Its size: of the whole database, or of the schema.' },
        },
      },
      isolation,
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
        properties: {
          requests: { type: 'integer', description: 'That it was asked to answer.' },
          since: time('Since when they are counted.'),
        },
      },
      lastVisitedAt: { ...time("The last visitor's request; null when it was never visited."), nullable: true },
      address,
      journey,
      administrator: {
        type: 'object',
        nullable: true,
        description:
          'Its first administrator as it was when the application was created; null for data that was there before.',
        properties: {
          nickname: { type: 'string', nullable: true },
          username: { type: 'string', nullable: true },
          email: { type: 'string', nullable: true },
        },
      },
      limits: {
        type: 'object',
        description: 'Its limits by their names, and what it uses of them.',
        properties: Object.fromEntries(LIMIT_NAMES.map((name) => [name, limitUsage(LIMITS[name].label)])),
      },
    },
  },
  Log: {
    type: 'object',
    properties: {
      available: { type: 'boolean', description: 'False where NocoBase writes no log files.' },
      rows: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            at: { ...time('When; null where that cannot be read.'), nullable: true },
            level: { type: 'string', enum: ['trace', 'debug', 'info', 'warn', 'error'] },
            message: text('What happened, without what looks like a secret.'),
          },
        },
      },
    },
  },
  SupervisorMetrics: {
    type: 'object',
    properties: {
      at: time('When it was read.'),
      applications: {
        type: 'object',
        properties: { total: { type: 'integer' }, states: { $ref: '#/components/schemas/StateCounts' } },
      },
      running: {
        type: 'object',
        properties: { count: { type: 'integer' }, limit: limit('APP_SUPERVISOR_MAX_RUNNING') },
      },
      memory: {
        type: 'object',
        description: 'In bytes; the limit is that of rss.',
        properties: {
          heapUsed: { type: 'integer' },
          rss: { type: 'integer' },
          limit: limit('APP_SUPERVISOR_MAX_MEMORY'),
        },
      },
      connections: {
        type: 'object',
        nullable: true,
        description: "To the main application's database server.",
        properties: { used: { type: 'integer' }, limit: { type: 'integer' } },
      },
      queue: {
        type: 'object',
        properties: {
          waiting: { type: 'integer', description: 'Boots that wait for a place.' },
          booting: { type: 'integer', description: 'Boots that have one.' },
          concurrency: { type: 'integer', description: 'How many places there are.' },
        },
      },
      logFiles,
      boots: {
        type: 'array',
        description: 'That ended in the last hour, at most 500, the earliest first.',
        items: {
          type: 'object',
          properties: {
            at: time('When it began.'),
            application: text('Its ID.'),
            kind: { type: 'string', enum: ['wake', 'making'] },
            ms: { type: 'integer' },
            outcome: { type: 'string', enum: ['running', 'stopped', 'failed'] },
          },
        },
      },
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
            application: maybe({
              type: 'object',
              description: 'What a call for this one alone answers; where it is ok.',
            }),
            code: maybe(text('A code of the documented table, where it is not.')),
            message: maybe(text('What went wrong and what to do.')),
            operation: maybe({ type: 'object', description: 'What is under way, where that stands against it.' }),
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

export const supervisorMetrics = refTo('SupervisorMetrics');
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
        ...pages('Applications'),
        query('filter', { type: 'string' }, 'Filter, as JSON.'),
        query('removed', { type: 'boolean', default: false }, 'Those that were removed, and can be restored.'),
        query('search', { type: 'string' }, 'In the ID, the name and the domain.'),
        query('state', { type: 'string' }, 'One state, or several with commas; the parameter may be repeated, too.'),
        query('sort', { type: 'string' }, 'Fields to sort by; a leading "-" turns the order round.'),
      ],
      responses: {
        200: answer('One page of applications.', page(ref('Application'), { states: refTo('StateCounts') })),
        ...errorsOf('APP_VALUE_INVALID'),
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
        ...errorsOf(...NAMED),
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
        ...errorsOf(...NAMED),
      },
    },
  },
  '/applications:logs': {
    get: {
      tags,
      summary: 'The end of the log of an application, newest last',
      parameters: [
        filterByTk,
        query('lines', { type: 'integer', default: 200, maximum: 1000 }, 'How many entries at most.'),
      ],
      responses: {
        200: answer('Its latest entries, without secrets.', data(refTo('Log'))),
        ...errorsOf(...NAMED),
      },
    },
  },
  '/applications:events': {
    get: {
      tags,
      summary: 'The timeline of an application, newest first, also after its removal',
      parameters: [
        filterByTk,
        query('type', { type: 'string' }, 'One type, or several with commas; the parameter may be repeated, too.'),
        query('since', { type: 'string', format: 'date-time' }, 'Not before this time; also in epoch milliseconds.'),
        ...pages('Events', 200),
      ],
      responses: {
        200: answer('One page of events.', page(ref('Event'))),
        ...errorsOf('APP_VALUE_INVALID', 'APP_NOT_FOUND'),
      },
    },
  },
};

import { version } from '../../package.json';
import { archivePaths, archiveSchemas } from './archives';
import { answer, data, denied, error, filterByTk, json, query, tags, unknown, wait } from './pieces';
import { bulkResults, observationPaths, observationSchemas, supervisorMetrics } from './observation';
import { ref, schemas } from './schemas';

const names = { type: 'array', items: { type: 'string' } };
const dropDatabase = query(
  'dropDatabase',
  { type: 'boolean', default: false },
  'Also drop its database, if this plugin created it and no other application uses it. Otherwise the database is kept.',
);

const purge = query(
  'purge',
  { type: 'boolean', default: false },
  'At once and for good, without a time in which it could be restored.',
);

/** Of one application, or of several at once. */
const oneOrMany = {
  ...query('filterByTk', { oneOf: [{ type: 'string' }, names] }, 'An ID, or a list of at most 200.'),
  required: false,
};
const manyNames = { content: json({ type: 'object', properties: { names } }) };

/** start, stop, restart: they answer with the application as it then is. */
const operation = (summary: string) => ({
  post: {
    tags,
    summary,
    parameters: [oneOrMany, wait],
    requestBody: manyNames,
    responses: {
      200: answer(
        'Accepted, or done with wait=true; of a list, what has become of each.',
        data({ oneOf: [ref('Application'), bulkResults] }),
      ),
      400: error('More than 200 IDs, or none.'),
      409: error('It is being removed.'),
      503: error('With wait=true: it failed, and why.'),
      ...denied,
      ...unknown,
    },
  },
});

export default {
  info: {
    title: 'NocoBase API - App Supervisor plugin',
    version,
    description: 'Runs many isolated sub-applications in one NocoBase, each with its own database.',
  },
  tags: [
    { name: 'applications', description: 'The sub-applications' },
    { name: 'appSupervisor', description: 'The supervisor itself' },
  ],
  paths: {
    ...observationPaths,
    '/applications:create': {
      post: {
        tags,
        summary: 'Register an application and begin its making',
        description: 'Everything is checked before anything is written. A first visitor is held until it is ready.',
        parameters: [wait],
        requestBody: { required: true, content: json(ref('ApplicationCreate')) },
        responses: {
          200: answer('Registered, or ready with wait=true.', data(ref('Application'))),
          400: error('A value is not valid; nothing was written.'),
          409: error('The ID, the domain or the database belongs to another application; nothing was written.'),
          422: error('The database cannot be made or used as asked; nothing was written.'),
          503: error('With wait=true: its making failed, and why.'),
          ...denied,
        },
      },
    },
    '/applications:checkDatabase': {
      post: {
        tags,
        summary: 'Whether an application could be created with these options',
        description: 'Asks the database server, for some seconds at most, and writes nothing.',
        requestBody: { required: true, content: json(ref('DatabaseQuestion')) },
        responses: {
          200: answer('What was looked at, and what stands against it.', data(ref('DatabaseAnswer'))),
          ...denied,
        },
      },
    },
    '/applications:clone': {
      post: {
        tags,
        summary: 'Register a new application with the data of another one and begin its making',
        description:
          'The other application is down while its database is copied; its visitors are held. Tokens and API keys of the original are worth nothing in the clone.',
        parameters: [{ ...filterByTk, description: 'The ID of the original.' }, wait],
        requestBody: { required: true, content: json(ref('ApplicationClone')) },
        responses: {
          200: answer('Registered, or ready with wait=true.', data(ref('Application'))),
          400: error('A value is not valid; nothing was written.'),
          409: error(
            'The original cannot be cloned, or the ID, the domain or the database is taken; nothing was written.',
          ),
          503: error('With wait=true: its making failed, and why.'),
          ...denied,
          ...unknown,
        },
      },
    },
    '/applications:update': {
      post: {
        tags,
        summary: 'Change an application',
        parameters: [filterByTk],
        requestBody: { required: true, content: json(ref('ApplicationUpdate')) },
        responses: {
          200: answer('The application as changed.', data(ref('Application'))),
          400: error('A value is not valid; nothing was written.'),
          409: error('The domain belongs to another application; nothing was written.'),
          ...denied,
          ...unknown,
        },
      },
    },
    '/applications:destroy': {
      post: {
        tags,
        summary: 'Remove an application',
        description: 'It is out of reach at once, and can be restored until it is purged.',
        parameters: [oneOrMany, dropDatabase, purge],
        requestBody: manyNames,
        responses: {
          200: answer(
            'Removed, or purged; of a list, what has become of each.',
            data({ oneOf: [ref('Removed'), bulkResults] }),
          ),
          400: error('More than 200 IDs, or none.'),
          409: error('dropDatabase=true, and the database is not ours to drop; nothing was removed.'),
          ...denied,
          ...unknown,
        },
      },
    },
    '/applications:restore': {
      post: {
        tags,
        summary: 'Take the removal of an application back',
        parameters: [filterByTk],
        responses: {
          200: answer('Restored, as it was.', data(ref('Application'))),
          409: error('It is not removed.'),
          ...denied,
          ...unknown,
        },
      },
    },
    '/applications:purge': {
      post: {
        tags,
        summary: 'Remove a removed application for good',
        description: 'With its database where that was said at its removal.',
        parameters: [filterByTk],
        responses: {
          200: answer('Purged.', data(ref('Removed'))),
          409: error('It is not removed.'),
          503: error('Its database cannot be dropped at the moment; it stays removed.'),
          ...denied,
          ...unknown,
        },
      },
    },
    '/applications:start': operation('Start an application'),
    '/applications:stop': operation('Stop an application; it stays stopped until it is started'),
    '/applications:restart': operation('Restart an application'),
    '/applications:upgrade': {
      post: {
        tags,
        summary: 'Bring applications up to date with the versions installed here',
        description: 'Those named, or all. What is up to date is not booted; each is left in the rest that it was in.',
        parameters: [
          query('filterByTk', names, 'IDs of applications.'),
          query('all', { type: 'boolean', default: false }, 'Every application, instead of those named.'),
          query('force', { type: 'boolean', default: false }, 'Also those that are up to date.'),
          wait,
        ],
        requestBody: { content: json({ type: 'object', properties: { names } }) },
        responses: {
          200: answer('The run: accepted or joined, or ended with wait=true.', data(ref('UpgradeRun'))),
          400: error('Neither applications nor all=true were given, or both.'),
          409: error('Another upgrade is under way.'),
          503: error('With wait=true and one application: it failed, and why.'),
          ...denied,
          ...unknown,
        },
      },
    },
    '/applications:upgradePlan': {
      get: {
        tags,
        summary: 'Which applications are behind, told by one read each',
        parameters: [query('filterByTk', names, 'IDs of applications; without them, all.')],
        responses: {
          200: answer('The plan, and the present or last run.', data(ref('UpgradePlan'))),
          ...denied,
          ...unknown,
        },
      },
    },
    ...archivePaths,
    '/appSupervisor:info': {
      get: {
        tags: ['appSupervisor'],
        summary: 'Whether the supervisor works in this process, and if not, why',
        responses: { 200: answer('Its state.', data(ref('SupervisorInfo'))), ...denied },
      },
    },
    '/appSupervisor:metrics': {
      get: {
        tags: ['appSupervisor'],
        summary: 'What the supervisor holds at this moment, and the boots of the last hour',
        responses: {
          200: answer('The figures of this process.', data(supervisorMetrics)),
          503: error('Applications are not managed here.'),
          ...denied,
        },
      },
    },
    '/appSupervisor:ask': {
      get: {
        tags: ['appSupervisor'],
        summary: 'Whether a host is ours, for a proxy that has certificates made on demand',
        description: 'Answered from memory, without a token and without a body.',
        security: [],
        parameters: [{ ...query('domain', { type: 'string' }, 'The name of the host.'), required: true }],
        responses: {
          200: { description: 'It leads to an application, or is the main application’s below a base domain.' },
          404: { description: 'Anything else.' },
          503: error('The applications are not known yet.'),
        },
      },
    },
    '/appSupervisor:entries': {
      get: {
        tags: ['appSupervisor'],
        summary: 'The applications that whoever is signed in is offered',
        description: 'Also in sub-applications, whose plugins need not be changed for it.',
        parameters: [
          {
            ...query('place', { type: 'string', enum: ['block', 'switcher'] }, 'The block of a page, or the switcher.'),
            required: true,
          },
        ],
        responses: {
          200: answer('In the order in which they are shown.', data({ type: 'array', items: ref('Entry') })),
          400: error('No such place.'),
          401: error('Nobody is signed in.'),
        },
      },
    },
  },
  components: { schemas: { ...schemas, ...observationSchemas, ...archiveSchemas } },
};

import { version } from '../../package.json';
import type { ErrorCode } from '../../src/errors';
import { archivePaths, archiveSchemas } from './archives';
import {
  BODY,
  errors,
  changeErrors,
  DROP,
  errorsOf,
  FAILED,
  INERT,
  NAMED,
  NEW_NAME,
  notSignedIn,
  PLACE,
  SERVER,
  VALUES,
} from './errors';
import { answer, complete, data, filterByTk, json, manyNames, names, oneOrMany, query, tags, wait } from './pieces';
import { bulkResults, observationPaths, observationSchemas, supervisorMetrics } from './observation';
import { answers, bodies, ref } from './schemas';
import { shared } from './shapes';

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

/** start, stop, restart: they answer with the application as it then is. */
const operation = (summary: string, ...failures: ErrorCode[]) => ({
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
      ...changeErrors('APP_VALUE_INVALID', ...NAMED, ...failures),
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
          ...changeErrors('APP_ADMIN_INVALID', ...NEW_NAME, ...VALUES, ...PLACE, ...FAILED),
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
          ...errorsOf(...BODY),
        },
      },
    },
    '/applications:checkDomain': {
      get: {
        tags,
        summary: 'Whether an application could have this custom domain',
        parameters: [
          { ...query('domain', { type: 'string' }, 'As a person types it, in any script.'), required: true },
          { ...filterByTk, required: false, description: 'The ID of the application; without it, a new one.' },
        ],
        responses: {
          200: answer('The domain as it is stored, or why no application may have it.', data(ref('DomainAnswer'))),
          ...errorsOf('APP_VALUE_INVALID', ...NAMED),
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
          ...changeErrors(
            'APP_CLONE_REFUSED',
            'APP_DATABASE_SOURCE_BUSY',
            'APP_ADMIN_INVALID',
            ...NAMED,
            ...NEW_NAME,
            ...VALUES,
            ...PLACE,
            ...FAILED,
          ),
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
          ...changeErrors(
            'APP_NAME_IMMUTABLE',
            ...NAMED,
            ...VALUES,
            'APP_DATABASE_NAME_INVALID',
            'APP_SECRETS_UNREADABLE',
            'APP_SECRETS_KEY_INVALID',
          ),
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
          ...changeErrors('APP_VALUE_INVALID', ...DROP, ...NAMED, ...SERVER),
        },
      },
    },
    '/applications:restore': {
      post: {
        tags,
        summary: 'Take the removal of an application back',
        parameters: [oneOrMany, wait],
        requestBody: manyNames,
        responses: {
          200: answer(
            'Restored, as it was; of a list, what has become of each.',
            data({ oneOf: [ref('Application'), bulkResults] }),
          ),
          ...changeErrors('APP_VALUE_INVALID', 'APP_NOT_REMOVED', 'APP_PURGE_BEGUN', ...NAMED, ...FAILED),
        },
      },
    },
    '/applications:purge': {
      post: {
        tags,
        summary: 'Remove a removed application for good',
        description: 'With its database where that was said at its removal.',
        parameters: [oneOrMany],
        requestBody: manyNames,
        responses: {
          200: answer('Purged; of a list, what has become of each.', data({ oneOf: [ref('Removed'), bulkResults] })),
          ...changeErrors('APP_VALUE_INVALID', 'APP_NOT_REMOVED', ...DROP, ...NAMED, ...SERVER),
        },
      },
    },
    '/applications:start': operation('Start an application', ...FAILED),
    '/applications:stop': operation('Stop an application; it stays stopped until it is started'),
    '/applications:restart': operation('Restart an application', ...FAILED),
    '/applications:isolate': {
      post: {
        tags,
        summary: 'Give applications a database role of their own, or repair it after a restore',
        description:
          'Those named, or all that have none yet. An application is down meanwhile and comes back by itself.',
        parameters: [
          oneOrMany,
          query(
            'all',
            { type: 'boolean', default: false },
            'Every application without a role, instead of those named.',
          ),
        ],
        requestBody: manyNames,
        responses: {
          200: answer('Moved; of a list, what has become of each.', data({ oneOf: [ref('Application'), bulkResults] })),
          ...changeErrors('APP_VALUE_INVALID', 'APP_ISOLATION_REFUSED', 'APP_DATABASE_SESSIONS', ...NAMED, ...SERVER),
        },
      },
    },
    '/applications:acceptDatabase': operation(
      'Accept the database of an application as it is, write its ownership markers, and start the application',
      ...FAILED,
      'APP_DATABASE_IN_USE',
    ),
    '/applications:resetPassword': {
      post: {
        tags,
        summary: 'Set the password of an administrator of an application',
        description:
          'Without `account`, it is the first administrator. Without `password`, one is generated. NocoBase ends the sessions of the account; its API keys stay valid. An application that sleeps or failed is booted, one in quarantine is started again.',
        parameters: [filterByTk],
        requestBody: { content: json(ref('PasswordRequest')) },
        responses: {
          200: answer('The account, and a generated password.', data(ref('ChangedPassword'))),
          ...changeErrors('APP_VALUE_INVALID', ...NAMED, ...FAILED),
        },
      },
    },
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
        requestBody: manyNames,
        responses: {
          200: answer('The run: accepted or joined, or ended with wait=true.', data(ref('UpgradeRun'))),
          ...changeErrors('APP_VALUE_INVALID', 'APP_UPGRADE_RUNNING', ...NAMED, ...FAILED),
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
          ...errorsOf('APP_VALUE_INVALID', ...NAMED),
        },
      },
    },
    ...archivePaths,
    '/appSupervisor:info': {
      get: {
        tags: ['appSupervisor'],
        summary: 'Whether the supervisor works in this process, and if not, why',
        responses: {
          200: answer('Its state.', data(ref('SupervisorInfo'))),
          ...notSignedIn,
          ...errors('APP_FORBIDDEN'),
        },
      },
    },
    '/appSupervisor:metrics': {
      get: {
        tags: ['appSupervisor'],
        summary: 'What the supervisor holds at this moment, and the boots of the last hour',
        responses: {
          200: answer('The figures of this process.', data(supervisorMetrics)),
          ...errorsOf(),
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
          503: { description: 'The applications are not known yet; ask again.' },
        },
      },
    },
    '/appSupervisor:icon': {
      get: {
        tags: ['appSupervisor'],
        summary: 'The picture of an application',
        description: 'Answered without a token, also in sub-applications. An address never has another picture.',
        security: [],
        parameters: [{ ...query('id', { type: 'string' }, 'As `iconUrl` names it.'), required: true }],
        responses: {
          200: { description: 'The picture, with an `ETag`.', content: { 'image/*': {} } },
          304: { description: 'The caller has it already (`If-None-Match`).' },
          ...errors('APP_FILE_NOT_FOUND'),
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
          ...notSignedIn,
          ...errors('APP_VALUE_INVALID', ...INERT),
        },
      },
    },
  },
  components: {
    schemas: {
      ...complete(answers),
      ...complete(shared),
      ...complete(observationSchemas),
      ...complete(archiveSchemas),
      ...bodies,
    },
  },
};

import { DUMP, changeErrors, errors, errorsOf, FAILED, INERT, NAMED, NEW_NAME, PLACE, SERVER, VALUES } from './errors';
import { answer, data, filterByTk, page, pages, query, tags, wait } from './pieces';

const time = (description: string) => ({ type: 'string', format: 'date-time', description });
const refTo = (name: keyof typeof archiveSchemas) => ({ $ref: `#/components/schemas/${name}` });

export const archiveSchemas = {
  Archive: {
    type: 'object',
    properties: {
      name: { type: 'string', description: 'Name of the file.' },
      size: { type: 'integer', description: 'In bytes.' },
      storedAt: time('Since when it lies there.'),
      deletedAt: { ...time('When it is deleted; null where it is kept.'), nullable: true },
    },
  },
  ArchiveJob: {
    type: 'object',
    properties: {
      id: { type: 'string' },
      kind: { type: 'string', enum: ['export', 'import'] },
      application: { type: 'string', description: 'The ID of the application.' },
      archive: { type: 'string', nullable: true, description: 'The archive; null until there is one.' },
      outcome: { type: 'string', enum: ['running', 'done', 'failed'] },
      step: { type: 'string', enum: ['check', 'dump', 'files', 'pack', 'database', 'restore', 'register'] },
      bytes: { type: 'integer', description: 'How far the step has come.' },
      total: { type: 'integer', nullable: true, description: 'Of the step; null where nobody knows it.' },
      startedAt: time('When it began.'),
      finishedAt: { ...time('When it ended; null while it runs.'), nullable: true },
      error: {
        type: 'object',
        nullable: true,
        properties: { code: { type: 'string' }, message: { type: 'string' } },
      },
      warnings: {
        type: 'array',
        items: { type: 'string', enum: ['missing-files', 'encryption-key'] },
      },
    },
  },
};

const archive = { ...query('filterByTk', { type: 'string' }, 'The name of the archive.'), required: true };
const application = query('application', { type: 'string' }, 'Of this application only.');
const values = { type: 'object', description: 'The fields of `create`, but `admin` and `adopt`.' };

/** The actions that move applications. */
export const archivePaths = {
  '/applications:export': {
    post: {
      tags,
      summary: 'Export an application, with its database and its uploaded files, to one archive',
      parameters: [filterByTk, wait],
      responses: {
        200: answer('The job.', data(refTo('ArchiveJob'))),
        ...changeErrors(...NAMED, ...DUMP, ...SERVER, 'APP_SHUTTING_DOWN'),
      },
    },
  },
  '/applications:import': {
    post: {
      tags,
      summary: 'Make a new application from an archive',
      description: 'The whole archive is checked before anything is written. What fails is taken back.',
      parameters: [wait],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: {
              allOf: [{ type: 'object', required: ['archive'], properties: { archive: { type: 'string' } } }, values],
            },
          },
          'multipart/form-data': {
            schema: {
              type: 'object',
              required: ['file'],
              properties: {
                file: { type: 'string', format: 'binary' },
                name: { type: 'string', description: 'The ID of the new application.' },
                values: { type: 'string', description: 'The fields of `create`, as JSON.' },
              },
            },
          },
        },
      },
      responses: {
        200: answer('The job.', data(refTo('ArchiveJob'))),
        ...changeErrors(
          ...(['APP_ARCHIVE_NOT_FOUND', 'APP_ARCHIVE_INVALID', 'APP_ARCHIVE_TOO_LARGE', 'APP_ARCHIVE_NEWER'] as const),
          ...[...NEW_NAME, ...VALUES, ...PLACE, ...DUMP, ...FAILED],
        ),
      },
    },
  },
  '/applications:archiveJobs': {
    get: {
      tags,
      summary: 'The exports and imports of this process, the latest first',
      description: 'At most the last 50.',
      parameters: [
        application,
        query('kind', { type: 'string' }, '`export` or `import`.'),
        query('outcome', { type: 'string' }, '`running`, `done` or `failed`; several with commas.'),
        ...pages('Jobs'),
      ],
      responses: { 200: answer('One page of jobs.', page(refTo('ArchiveJob'))), ...errorsOf('APP_VALUE_INVALID') },
    },
  },
  '/applications:listArchives': {
    get: {
      tags,
      summary: 'The archives on the server, the latest first',
      parameters: [application, ...pages('Archives')],
      responses: { 200: answer('One page of archives.', page(refTo('Archive'))), ...errorsOf() },
    },
  },
  '/applications:downloadArchive': {
    get: {
      tags,
      summary: 'An archive, as a file',
      parameters: [archive],
      responses: {
        200: {
          description: 'The archive.',
          content: { 'application/x-tar': { schema: { type: 'string', format: 'binary' } } },
        },
        ...errorsOf('APP_ARCHIVE_NOT_FOUND'),
      },
    },
  },
  '/applications:linkArchive': {
    post: {
      tags,
      summary: 'A link by which a browser downloads an archive',
      description: 'It needs no token, is valid for a minute, and works at this process only.',
      parameters: [archive],
      responses: {
        200: answer(
          'The link.',
          data({
            type: 'object',
            properties: {
              url: { type: 'string', description: 'On every host of the main application.' },
              expiresAt: time('Until when it works.'),
            },
          }),
        ),
        ...changeErrors('APP_ARCHIVE_NOT_FOUND'),
      },
    },
  },
  '/appSupervisor:downloadArchive': {
    get: {
      tags,
      summary: 'The archive of a link',
      security: [],
      parameters: [
        { ...query('ticket', { type: 'string' }, 'As `applications:linkArchive` gives it.'), required: true },
      ],
      responses: {
        200: {
          description: 'The archive.',
          content: { 'application/x-tar': { schema: { type: 'string', format: 'binary' } } },
        },
        ...errors('APP_DOWNLOAD_EXPIRED', 'APP_ARCHIVE_NOT_FOUND', ...INERT),
      },
    },
  },
  '/applications:deleteArchive': {
    post: {
      tags,
      summary: 'Delete an archive',
      parameters: [archive],
      responses: {
        200: answer('It is gone.', data({ type: 'object', properties: { archive: { type: 'string' } } })),
        ...changeErrors('APP_ARCHIVE_NOT_FOUND'),
      },
    },
  },
};

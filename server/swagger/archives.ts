import { answer, data, denied, error, filterByTk, query, tags, unknown, wait } from './pieces';

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
const noArchive = { 404: error('There is no such archive.') };
const refused = {
  409: error('It does not fit, or too much is under way already.'),
  503: error('A program is missing or too old; with wait=true: it failed, and why.'),
};
const values = { type: 'object', description: 'The fields of `create`, but `admin` and `adopt`.' };

/** The actions that move applications. */
export const archivePaths = {
  '/applications:export': {
    post: {
      tags,
      summary: 'Export an application, with its database and its uploaded files, to one archive',
      parameters: [filterByTk, wait],
      responses: { 200: answer('The job.', data(refTo('ArchiveJob'))), ...refused, ...denied, ...unknown },
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
        400: error('A value is not valid.'),
        413: error('The archive is too large.'),
        422: error('The archive is damaged, or none.'),
        ...refused,
        ...denied,
        ...noArchive,
      },
    },
  },
  '/applications:archiveJobs': {
    get: {
      tags,
      summary: 'The exports and imports of this process, the latest first',
      responses: { 200: answer('The jobs.', data({ type: 'array', items: refTo('ArchiveJob') })), ...denied },
    },
  },
  '/applications:listArchives': {
    get: {
      tags,
      summary: 'The archives on the server, the latest first',
      responses: { 200: answer('The archives.', data({ type: 'array', items: refTo('Archive') })), ...denied },
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
        ...denied,
        ...noArchive,
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
        ...denied,
        ...noArchive,
      },
    },
  },
};

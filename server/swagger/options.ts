import { DATABASE_KINDS } from '../../src/database-dialects';
import { DB_CONN_TYPES } from '../../src/database-options';
import {
  MAX_PLUGINS,
  MAX_POOL_CONNECTIONS,
  MAX_POOL_MS,
  MAX_SECRET_LENGTH,
  MAX_TOKEN_SECONDS,
} from '../../src/option-table';
import { text } from './shapes';

const poolTime = { type: 'integer', minimum: 0, maximum: MAX_POOL_MS };

/** The options that a caller may write. A test compares them with the table that is checked. */
export const options = {
  type: 'object',
  description:
    'Where its data is, and settings of its own. Secrets never stand here. An update of them is a JSON merge patch (RFC 7396): what it does not name stays.',
  properties: {
    dbConnType: {
      type: 'string',
      enum: [...DB_CONN_TYPES],
      default: 'new_database',
      description:
        'new_database: a database beside the main one. new_schema: a schema in a database on that server. new_connection: a database on another server, of the dialect postgres, mysql or mariadb.',
    },
    database: {
      type: 'object',
      additionalProperties: false,
      properties: {
        database: text('Name of its database; by default its ID, or with new_schema the main database.'),
        schema: text('new_schema: name of its schema, by default its ID. new_connection: a schema in the database.'),
        host: text('new_connection: host name, address, or folder of a socket.'),
        dialect: { type: 'string', enum: Object.keys(DATABASE_KINDS), default: 'postgres' },
        port: { type: 'integer', description: 'By default 5432 or 3306.', minimum: 1, maximum: 65535 },
        username: text(
          'new_connection: the database role. On MySQL and MariaDB only letters (a to z), digits and the characters _ . @ -, and no - at the beginning.',
        ),
        password: { type: 'string', format: 'password', writeOnly: true },
        ssl: {
          description: 'new_connection: true, false, or how the certificate is checked.',
          oneOf: [
            { type: 'boolean' },
            {
              type: 'object',
              additionalProperties: false,
              properties: { rejectUnauthorized: { type: 'boolean' }, ca: text('PEM.') },
            },
          ],
        },
        pool: {
          type: 'object',
          additionalProperties: false,
          description:
            'Smaller limits of its own connections than those of the process; larger ones count for nothing.',
          properties: {
            max: { type: 'integer', minimum: 1, maximum: MAX_POOL_CONNECTIONS, description: 'Connections at most.' },
            idle: { ...poolTime, description: 'Milliseconds after which an unused connection is closed.' },
            acquire: { ...poolTime, description: 'Milliseconds that a query waits for a connection.' },
          },
        },
      },
    },
    authManager: {
      type: 'object',
      additionalProperties: false,
      properties: {
        jwt: {
          type: 'object',
          additionalProperties: false,
          properties: {
            secret: {
              type: 'string',
              format: 'password',
              maxLength: MAX_SECRET_LENGTH,
              writeOnly: true,
              description:
                'Signs its tokens; random by default. Never answered; null and an empty text change nothing.',
            },
            expiresIn: {
              description:
                'How long its tokens are valid: seconds, a duration such as 12h or 7d (s, m, h, d, w, y), or never.',
              oneOf: [{ type: 'integer', minimum: 1, maximum: MAX_TOKEN_SECONDS }, { type: 'string' }],
            },
          },
        },
      },
    },
    plugins: {
      type: 'array',
      maxItems: MAX_PLUGINS,
      items: { type: 'string' },
      description:
        'The plugins that it is installed with, by the names of installed plugins or of their packages; by default NocoBase as a whole.',
    },
    autoStart: { type: 'boolean', description: 'Of older callers: true stands for the start mode eager.' },
    lang: text('At create: the language that it is installed in, such as en-US; by default that of INIT_APP_LANG.'),
  },
  additionalProperties: false,
};

const ofOthers = (description: string) => `${description} Only in rows of other plugins; may be sent back as it is.`;

/**
 * The options in an answer, which may be sent back unchanged: also those that are read from rows of other plugins, and
 * never written. A test compares them with the table that is checked.
 */
export const shownOptions = {
  ...options,
  additionalProperties: true,
  properties: {
    ...options.properties,
    database: {
      ...options.properties.database,
      additionalProperties: true,
      properties: {
        ...options.properties.database.properties,
        tablePrefix: text(ofOthers('A prefix of all table names.')),
        underscored: {
          type: 'boolean',
          description: ofOthers('Whether names of tables and columns are in snake case.'),
        },
        dialectOptions: {
          type: 'object',
          additionalProperties: true,
          properties: { ssl: { description: ofOthers('TLS to the database server, without keys.') } },
        },
      },
    },
    encryptedDbPassword: {
      type: 'boolean',
      description: ofOthers("Whether the core has encrypted the row's password."),
    },
    standaloneDeployment: { type: 'boolean', description: ofOthers('Whether another process runs the application.') },
    sso: {
      type: 'object',
      additionalProperties: true,
      properties: {
        enabled: { type: 'boolean', description: ofOthers('Whether it is shown in lists of portals.') },
        issuer: text(ofOthers('Address of the issuer.')),
      },
    },
  },
};

/** Of an answer. */
export const ignoredOptions = {
  type: 'array',
  items: { type: 'string' },
  description:
    'Dotted names of options that stand in its row and are not on this list, or not of their type. They have no effect.',
};

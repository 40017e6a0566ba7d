import { ERROR_TABLE, type ErrorCode } from '../../src/errors';
import { OPERATION_KINDS } from '../../src/events';
import { answer, maybe } from './pieces';
import { actor, text, time } from './shapes';

/** Which errors an action may answer with. */

const operation = {
  type: 'object',
  description: 'What is under way, and stands against it.',
  properties: {
    kind: { type: 'string', enum: [...OPERATION_KINDS] },
    application: { type: 'string', nullable: true, description: 'Its ID; null where it is about several.' },
    since: time('Since when.'),
    by: actor,
  },
};

const schemaOf = (codes: readonly string[]) => ({
  type: 'object',
  properties: {
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          code: { type: 'string', enum: [...codes] },
          message: text('What is wrong and what to do.'),
          field: maybe(text('The field of the request that the error is about, e.g. `limits.users`.')),
          operation: maybe(operation),
        },
      },
    },
  },
});

/** The answers with these codes, by their status. */
export function errors(...codes: ErrorCode[]): Record<number, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = ERROR_TABLE[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      status,
      answer(list.map((code) => `\`${code}\``).join(', '), schemaOf(list)),
    ]),
  );
}

/** What NocoBase itself says of a token. */
const AUTH_CODES = [
  ...['EMPTY_TOKEN', 'INVALID_TOKEN', 'EXPIRED_TOKEN', 'EXPIRED_SESSION', 'BLOCKED_TOKEN', 'NOT_EXIST_USER'],
  ...['TOKEN_RENEW_FAILED', 'TOKEN_RENEW_NOT_ALLOWED', 'SKIP_TOKEN_RENEW', 'USER_HAS_NO_ROLES_ERR'],
];
export const notSignedIn = {
  401: answer('Nobody is signed in, or no longer; the codes are those of NocoBase.', schemaOf(AUTH_CODES)),
};

/** Applications are not managed by this process. */
export const INERT: ErrorCode[] = [
  ...([
    'APP_SUPERVISOR_RESTART_REQUIRED',
    'APP_SUPERVISOR_ADAPTER_MISMATCH',
    'APP_SUPERVISOR_UNREADABLE',
    'APP_SUPERVISOR_STANDBY',
  ] as const),
];

/** An application that is named. */
export const NAMED: ErrorCode[] = ['APP_NOT_FOUND', 'APP_REMOVING', 'APP_BEING_MADE'];

/** A body that holds other fields than the action takes, or is no object. */
export const BODY: ErrorCode[] = ['APP_VALUE_INVALID', 'APP_FIELD_UNKNOWN', 'APP_SECRET_MISPLACED'];

/** The values of an application, before a database is asked. */
export const VALUES: ErrorCode[] = [
  ...([
    'APP_DOMAIN_INVALID',
    'APP_DOMAIN_TAKEN',
    'APP_DOMAIN_MAIN',
    'APP_START_MODE_INVALID',
    'APP_OPTIONS_INVALID',
  ] as const),
  ...(['APP_VALUE_INVALID', 'APP_ICON_INVALID', 'APP_DATABASE_UNSUPPORTED'] as const),
];

/** A database that is to be dropped. */
export const DROP: ErrorCode[] = [
  ...(['APP_DATABASE_NOT_OWNED', 'APP_DATABASE_IN_USE', 'APP_ARCHIVE_BUSY', 'APP_DATABASE_DENIED'] as const),
  'APP_DATABASE_SESSIONS',
];

export const NEW_NAME: ErrorCode[] = ['APP_NAME_INVALID', 'APP_NAME_RESERVED', 'APP_NAME_TAKEN', 'APP_NAME_REMOVED'];

/** A database that is to be an application's. */
export const PLACE: ErrorCode[] = [
  ...(['APP_DATABASE_NAME_INVALID', 'APP_DATABASE_SCHEMA_INVALID', 'APP_DATABASE_IN_USE'] as const),
  ...(['APP_DATABASE_EXISTS', 'APP_DATABASE_ADOPTABLE', 'APP_DATABASE_NEWER', 'APP_DATABASE_ABSENT'] as const),
  ...(['APP_DATABASE_ENCODING', 'APP_DATABASE_VERSION', 'APP_DATABASE_DENIED'] as const),
];

/** A database server that is asked something. */
export const SERVER: ErrorCode[] = [
  ...(['APP_DATABASE_UNREACHABLE', 'APP_DATABASE_CREDENTIALS', 'APP_DATABASE_BUSY', 'APP_DATABASE_FAILED'] as const),
  ...(['APP_DATABASE_FULL', 'APP_DATABASE_MISSING', 'APP_SECRETS_UNREADABLE', 'APP_SECRETS_KEY_INVALID'] as const),
];

/** A database as a boot or an upgrade finds it. */
const FOUND = ['APP_DATABASE_EMPTY', 'APP_DATABASE_FOREIGN', 'APP_INSTALLED_ONCE'] as const;

/** With `wait=true`: the work was accepted, and failed. */
export const FAILED: ErrorCode[] = [
  ...([
    'APP_BOOT_FAILED',
    'APP_BOOT_TIMEOUT',
    'APP_QUARANTINED',
    'APP_FAULTS',
    'APP_MEMORY_EXHAUSTED',
    'APP_STOPPED',
  ] as const),
  ...([
    'APP_VERSION_NEWER',
    'APP_SHUTTING_DOWN',
    'APP_DATABASE_DENIED',
    'APP_DATABASE_ROLE',
    ...FOUND,
    ...SERVER,
  ] as const),
  ...(['APP_OPTION_UNSUPPORTED', 'APP_INSTANCE_MISMATCH'] as const),
];

/** The programs for archives. */
export const DUMP: ErrorCode[] = [
  ...(['APP_DUMP_UNSUPPORTED', 'APP_DUMP_TOOL_MISSING', 'APP_DUMP_TOOL_OLD', 'APP_DUMP_FAILED'] as const),
  ...(['APP_DUMP_TIMEOUT', 'APP_ARCHIVE_UNFIT', 'APP_ARCHIVE_BUSY', 'APP_ARCHIVE_STORAGE'] as const),
];

/** The errors of an action that changes something: these, and those of all. */
export const changeErrors = (...codes: ErrorCode[]) => errorsOf('APP_POST_REQUIRED', ...BODY, ...codes);

/** The errors of an action on applications: these, and those of all. */
export const errorsOf = (...codes: ErrorCode[]) => ({
  ...notSignedIn,
  ...errors('APP_FORBIDDEN', 'APP_UNEXPECTED', ...codes, ...INERT),
});

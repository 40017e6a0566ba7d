import type { Operation } from './events';
import { fillMessage, type PhraseParams } from './phrase';

/**
 * Every error that this plugin answers with: one table of codes, each with its HTTP status and one sentence that
 * says what is wrong and what to do. `{param}` is filled from the error's parameters; the Chinese sentences stand in
 * `locale/zh-CN.json` under the same English key. Documented in `docs/errors.md`; a test compares the two.
 */
export const ERROR_TABLE = {
  APP_NAME_INVALID: {
    status: 400,
    message:
      'The application ID "{name}" is not allowed: use 1 to 48 lower-case letters, digits, "-" or "_", starting with a letter.',
  },
  APP_NAME_RESERVED: {
    status: 400,
    message: 'The application ID "{name}" is reserved by NocoBase; choose another one.',
  },
  APP_NAME_TAKEN: { status: 409, message: 'An application with the ID "{name}" exists already; choose another ID.' },
  APP_NAME_IMMUTABLE: { status: 400, message: 'The ID of an application cannot be changed after it was created.' },
  APP_DOMAIN_INVALID: {
    status: 400,
    message:
      '"{domain}" is not a valid custom domain: give a host name such as crm.example.com, without scheme or port.',
  },
  APP_DOMAIN_TAKEN: {
    status: 409,
    message: 'The domain "{domain}" belongs to the application "{owner}"; choose another one.',
  },
  APP_DOMAIN_MAIN: {
    status: 409,
    message:
      'The main application is reached at "{domain}" or below it; choose another domain, or name the hosts of the main application in APP_SUPERVISOR_MAIN_HOSTS.',
  },
  APP_PATH_ACCESS_OFF: {
    status: 404,
    message: 'Applications are not served below a path here; open the application at its own host.',
  },
  APP_START_MODE_INVALID: { status: 400, message: 'The start mode must be one of: lazy, eager, manual.' },
  APP_OPTIONS_INVALID: { status: 400, message: 'The options of the application are not valid: {reason}.' },
  APP_FIELD_UNKNOWN: { status: 400, message: 'There is no field "{field}" here; the fields are: {known}.' },
  APP_SECRET_MISPLACED: {
    status: 400,
    message: 'The field "{field}" may not hold a secret, because many users can read it: {hint}.',
  },
  APP_OPTION_UNSUPPORTED: {
    status: 503,
    message:
      'The application "{name}" cannot be started: its option "{option}" decides where its data is stored, and is not supported. Set its database by the documented options, or remove this option.',
  },
  APP_INSTANCE_MISMATCH: {
    status: 503,
    message:
      'The application "{name}" was not started: {reason}. See the log, and correct the registration of the application.',
  },
  APP_ADMIN_INVALID: { status: 400, message: 'The first administrator is not valid: {reason}.' },
  APP_VALUE_INVALID: { status: 400, message: 'The value of "{field}" is not valid: {reason}.' },
  APP_ICON_INVALID: { status: 400, message: 'The image cannot be used as an icon: {reason}.' },
  APP_UNEXPECTED: { status: 500, message: 'An unexpected error occurred; see the log of NocoBase.' },
  APP_FORBIDDEN: {
    status: 403,
    message: 'Your role may not manage applications; it needs the permission "pm.app-supervisor".',
  },
  APP_PLUGINS_MANAGED_BY_MAIN: {
    status: 403,
    message:
      'Plugins are added, updated and removed in the main application; ask its administrator. Installed plugins can be enabled and disabled here.',
  },
  APP_ACTION_LEAVES_APPLICATION: {
    status: 403,
    message:
      'The action "{action}" reaches beyond this application; an administrator of the main application must do it.',
  },
  APP_OTHER_APPLICATION: {
    status: 403,
    message: 'The application "{from}" may not act on the application "{name}"; do it in the main application.',
  },
  APP_RESTORE_DROPS_APPLICATIONS: {
    status: 409,
    message:
      'This restore replaces the database of the main application, and the data of applications that are stored in it: {names}. Move them to databases of their own, or confirm with {confirmation}.',
  },
  APP_SUPERVISOR_STANDBY: {
    status: 503,
    message:
      'Another NocoBase process manages the applications of this main application; this process takes over when that one ends. Run one process on each main database.',
  },
  APP_POST_REQUIRED: { status: 405, message: 'This action changes data; call it with POST.' },
  APP_REQUEST_INVALID: {
    status: 400,
    message:
      'The request cannot be read. Give exactly one application ID, in a path that can be decoded and has no ".." segment.',
  },
  APP_URL_TOO_LONG: {
    status: 414,
    message: 'The address of the request is longer than {limit} KB; send long parameters in the body.',
  },
  APP_QUERY_TOO_LARGE: {
    status: 400,
    message: 'The query of the request has more than {limit} {unit}; ask for less at a time.',
  },
  APP_BODY_TOO_LARGE: {
    status: 413,
    message: 'The body of the request has more than {limit} {unit}; send less at a time.',
  },
  APP_BODY_INVALID: { status: 400, message: 'The body of the request cannot be read: {reason}.' },
  APP_BODY_TIMEOUT: {
    status: 408,
    message: 'The body of the request did not arrive within {seconds} seconds; send it again.',
  },
  APP_NOT_FOUND: { status: 404, message: 'The application "{name}" does not exist.' },
  APP_SOCKET_NOT_FOUND: { status: 404, message: 'There is no WebSocket at this address.' },
  APP_FILE_NOT_FOUND: { status: 404, message: 'The application has no file at this address.' },
  APP_STORAGE_OUTSIDE: {
    status: 400,
    message:
      'The folder "{folder}" does not belong to this application: leave the root of the storage at "storage/uploads".',
  },
  APP_STORAGE_WITHOUT_KEYS: {
    status: 400,
    message:
      'The storage of the type "{type}" has no access keys of its own: enter the access key and its secret in the settings of the storage.',
  },
  APP_STOPPED: { status: 503, message: 'The application "{name}" was stopped by its administrator.' },
  APP_BOOT_FAILED: {
    status: 503,
    message: 'The application "{name}" could not be started (step "{step}"): {reason}.',
  },
  APP_BOOT_TIMEOUT: {
    status: 503,
    message: 'The application "{name}" did not start within {seconds} seconds (step "{step}").',
  },
  APP_QUARANTINED: {
    status: 503,
    message:
      'The application "{name}" failed {failures} times in a row (last: {code} in step "{step}") and has been quarantined. Fix the cause, then start it again.',
  },
  APP_FAULTS: {
    status: 503,
    message:
      'The application "{name}" threw {count} uncaught errors within a minute and was stopped. After a pause, the next visit starts it again.',
  },
  APP_MEMORY_EXHAUSTED: {
    status: 503,
    message:
      'The application "{name}" was stopped because the process had almost no memory left while it was working. After a pause, the next visit starts it again.',
  },
  APP_RELOADS_TOO_MANY: {
    status: 429,
    message:
      'The application "{name}" has reloaded itself {count} times within {minutes} minutes; try again in {seconds} seconds.',
  },
  APP_SHUTTING_DOWN: { status: 503, message: 'NocoBase is shutting down; try again in a few seconds.' },
  APP_VERSION_NEWER: {
    status: 503,
    message:
      'The database of the application "{name}" belongs to NocoBase {stored}, and this is {installed}; upgrade this NocoBase, or restore the application from a backup of the older version.',
  },
  APP_UPGRADE_RUNNING: {
    status: 409,
    message: 'An upgrade of {count} applications is in progress ({done} are done). Try again when it has finished.',
  },
  APP_WAIT_TIMEOUT: {
    status: 503,
    message: 'The application "{name}" is still starting; try again in a few seconds.',
  },
  APP_TOO_MANY_WAITING: {
    status: 503,
    message: 'Too many requests are waiting for the application "{name}" to start; try again in a few seconds.',
  },
  APP_TOO_MANY_REQUESTS: {
    status: 429,
    message:
      'The application "{name}" receives more requests per second than its limit allows; try again in a few seconds.',
  },
  APP_BUSY: {
    status: 429,
    message: 'The application "{name}" is busy with as many requests as its limit allows; try again in a few seconds.',
  },
  APP_TOO_MANY_CONNECTIONS: {
    status: 429,
    message:
      'The application "{name}" has, or opens, as many WebSocket connections as its limits allow; try again in a few seconds.',
  },
  APP_STORAGE_LIMIT: {
    status: 413,
    message:
      'The application "{name}" uses its {limit} MB of storage; delete data or files, or raise its limit "storage".',
  },
  APP_USERS_LIMIT: {
    status: 409,
    message: 'The application "{name}" may have {limit} users at most; remove users, or raise its limit "users".',
  },
  APP_MAIN_NOT_RUNNING: {
    status: 503,
    message: 'The main application did not start, so its applications cannot be reached; see the log of NocoBase.',
  },
  APP_NAME_REMOVED: {
    status: 409,
    message:
      'An application with the ID "{name}" was deleted and can still be restored; restore it, or delete it permanently first.',
  },
  APP_NOT_REMOVED: { status: 409, message: 'The application "{name}" is not deleted.' },
  APP_REMOVING: {
    status: 409,
    message: 'The application "{name}" is being deleted or restored. Try again when that has finished.',
  },
  APP_PURGE_BEGUN: {
    status: 409,
    message:
      'The data of the application "{name}" is being deleted, so the application cannot be restored; delete it permanently again to delete the rest.',
  },
  APP_BEING_MADE: {
    status: 409,
    message: 'The application "{name}" is still being created. Try again when it has finished.',
  },
  APP_DATABASE_NAME_INVALID: {
    status: 400,
    message:
      'The database name "{database}" is not allowed: use 1 to 63 letters, digits, "-" or "_", starting with a letter or "_", but not "app_supervisor_".',
  },
  APP_DATABASE_IN_USE: {
    status: 409,
    message: 'The database "{database}" is used by the application "{owner}"; every application needs one of its own.',
  },
  APP_DATABASE_EXISTS: {
    status: 409,
    message:
      'The database "{database}" already exists and is not empty; choose another database name, or drop that database.',
  },
  APP_DATABASE_SCHEMA_INVALID: {
    status: 400,
    message:
      'The schema name "{schema}" is not allowed: use 1 to 63 lower-case letters, digits or "_", starting with a letter or "_", not with "pg_", no word of SQL, and not the name of a database role.',
  },
  APP_DATABASE_ADOPTABLE: {
    status: 409,
    message:
      'The database "{database}" holds an application of NocoBase {stored}; use it as it is (adopt), or choose another name.',
  },
  APP_DATABASE_NEWER: {
    status: 409,
    message:
      'The database "{database}" holds an application of NocoBase {stored}, and this is {installed}; upgrade this NocoBase first.',
  },
  APP_DATABASE_ABSENT: {
    status: 422,
    message:
      'The database "{database}" does not exist, and a schema needs an existing database; create the database first.',
  },
  APP_DATABASE_ENCODING: {
    status: 422,
    message: 'The database "{database}" is encoded in {encoding}; NocoBase needs one that is encoded in {needed}.',
  },
  APP_DATABASE_VERSION: {
    status: 422,
    message: 'The database server has version {version}; version {needed} or newer is needed.',
  },
  APP_DATABASE_UNSUPPORTED: {
    status: 400,
    message: 'This way of connecting to a database is not supported: {reason}.',
  },
  APP_DATABASE_MISSING: {
    status: 503,
    message: 'The database "{database}" of the application does not exist; restore it, or delete the application.',
  },
  APP_DATABASE_EMPTY: {
    status: 503,
    message:
      'The database "{database}" of the application is empty, and NocoBase is installed only once; restore the database from a backup and start the application, or delete it and create it again.',
  },
  APP_DATABASE_FOREIGN: {
    status: 503,
    message:
      'The database "{database}" does not carry the ownership marker of this application; restore the right one, or accept this one (applications:acceptDatabase, nocobase app accept-database).',
  },
  APP_INSTALLED_ONCE: {
    status: 409,
    message:
      'The application "{name}" was installed when it was created, and is not installed again; delete it and create a new one.',
  },
  APP_DATABASE_UNREACHABLE: {
    status: 503,
    message: 'The database server cannot be reached ({reason}); check that it runs and accepts connections.',
  },
  APP_DATABASE_BUSY: {
    status: 503,
    message:
      'The application "{name}" got no database connection within {seconds} seconds: all are in use; try again in a few seconds.',
  },
  APP_DATABASE_CREDENTIALS: {
    status: 503,
    message: 'The database server refused the user or the password; check the connection settings.',
  },
  APP_DATABASE_DENIED: {
    status: 422,
    message: 'The database role may not do this ({reason}); give it that right, or let an administrator do it.',
  },
  APP_DATABASE_NOT_OWNED: {
    status: 409,
    message:
      'The database "{database}" was not created by this plugin for this application, so it is not dropped; delete the application without dropping its database.',
  },
  APP_DATABASE_SOURCE_BUSY: {
    status: 503,
    message:
      'The database "{database}" cannot be copied while other clients are connected to it; close those connections, then try again.',
  },
  APP_CLONE_REFUSED: { status: 409, message: 'The application "{name}" cannot be cloned: {reason}.' },
  APP_DATABASE_ROLE: {
    status: 503,
    message:
      'The database role of the application "{name}" cannot sign in or cannot use its tables; run "nocobase app isolate {name}", which repairs it.',
  },
  APP_ISOLATION_REFUSED: {
    status: 409,
    message: 'The application "{name}" does not get a database role of its own: {reason}.',
  },
  APP_DATABASE_SESSIONS: {
    status: 503,
    message:
      'The database server still runs {count} sessions of the application and does not end them; try again, or let an administrator of the server end them.',
  },
  APP_DATABASE_FULL: {
    status: 503,
    message: 'The disk of the database server is full; free some space there, then try again.',
  },
  APP_DATABASE_FAILED: { status: 503, message: 'The database refused the operation ({reason}).' },
  APP_DUMP_UNSUPPORTED: {
    status: 400,
    message: 'Applications with this database cannot be exported or imported: {reason}.',
  },
  APP_DUMP_TOOL_MISSING: {
    status: 503,
    message:
      'The program "{program}" is not installed where NocoBase runs; install it there, e.g. with the package {package}.',
  },
  APP_DUMP_TOOL_OLD: {
    status: 503,
    message:
      'The program "{program}" has version {version}; version {needed} or newer is needed, e.g. from the package {package}.',
  },
  APP_DUMP_FAILED: { status: 503, message: 'The program "{program}" failed ({reason}); see the log.' },
  APP_DUMP_TIMEOUT: {
    status: 503,
    message: 'The program "{program}" timed out after {seconds} seconds; raise APP_SUPERVISOR_ARCHIVE_TIMEOUT.',
  },
  APP_DOWNLOAD_EXPIRED: { status: 410, message: 'This download link has expired; ask for a new one.' },
  APP_ARCHIVE_NOT_FOUND: { status: 404, message: 'The archive "{archive}" does not exist.' },
  APP_ARCHIVE_INVALID: { status: 422, message: 'The archive cannot be used: {reason}.' },
  APP_ARCHIVE_TOO_LARGE: {
    status: 413,
    message: 'The archive is larger than {limit} MB; raise APP_SUPERVISOR_ARCHIVE_MAX_SIZE if that is intended.',
  },
  APP_ARCHIVE_NEWER: {
    status: 409,
    message: 'The archive is of NocoBase {stored}, and this is {installed}; upgrade this NocoBase first.',
  },
  APP_ARCHIVE_UNFIT: { status: 409, message: 'This cannot be done with this application or archive: {reason}.' },
  APP_ARCHIVE_BUSY: {
    status: 409,
    message: 'An export or import is in progress ({count} in all). Try again when it has finished.',
  },
  APP_ARCHIVE_STORAGE: {
    status: 503,
    message: 'The archive or its files could not be written or read ({reason}); check the disk.',
  },
  APP_SECRETS_UNREADABLE: {
    status: 503,
    message:
      'The secrets of the application "{name}" cannot be decrypted: the key in APP_SUPERVISOR_AES_SECRET_KEY or in the key file is not the one they were written with.',
  },
  APP_SECRETS_KEY_INVALID: {
    status: 503,
    message: 'The key for the application secrets is not valid: it must be 64 hexadecimal digits (32 bytes).',
  },
  APP_SUPERVISOR_RESTART_REQUIRED: {
    status: 503,
    message: 'NocoBase was started before this plugin was installed; restart NocoBase once to run sub-applications.',
  },
  APP_SUPERVISOR_PEER_ENABLED: {
    status: 409,
    message: 'The plugin multi-app-manager is enabled; disable it first, the two cannot manage applications together.',
  },
  APP_SUPERVISOR_ADAPTER_MISMATCH: {
    status: 503,
    message:
      'The environment names the adapters "{discovery}" and "{process}"; remove APP_DISCOVERY_ADAPTER and APP_PROCESS_ADAPTER, or set both to local, and restart NocoBase.',
  },
  APP_SUPERVISOR_UNREADABLE: {
    status: 503,
    message:
      'The registered applications could not be read; check the database and the log, run the upgrade command of NocoBase, and restart it.',
  },
  APP_SUPERVISOR_MAIN_ONLY: { status: 400, message: 'This plugin can be enabled in the main application only.' },
} as const satisfies Record<string, { status: number; message: string }>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** What visitors read of a failure whose own sentence names databases, roles or servers. */
export const DATABASE_AWAY = 'A database of this application cannot be used now; try again later.';

/** Sentences with these codes are for administrators, but this one names nothing. */
const isOfDatabase = (code: ErrorCode) => code.startsWith('APP_DATABASE_') && code !== 'APP_DATABASE_BUSY';

export type ErrorParams = PhraseParams;

/**
 * The one error class of this plugin. `status` and `code` are what NocoBase's error handler answers with; the
 * message never holds a password, a DSN or a stack.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly params: ErrorParams;
  /** Bad input and refusals are no fault of ours: NocoBase logs them as warnings. */
  readonly logLevel: 'warn' | 'error';

  /**
   * @param origin kept for the log only, under another name than `cause`: NocoBase prints `cause.message` to callers
   * @param operation what is under way, and stands against it
   */
  constructor(
    code: ErrorCode,
    params: ErrorParams = {},
    readonly origin?: unknown,
    readonly operation?: Operation,
  ) {
    super(fillMessage(ERROR_TABLE[code].message, params));
    this.name = 'AppError';
    this.code = code;
    this.status = ERROR_TABLE[code].status;
    this.params = params;
    this.logLevel = this.status < 500 ? 'warn' : 'error';
  }
}

/** The sentence that visitors of an application read, before it is filled. */
export function visitorSentence({ code }: Pick<AppError, 'code'>): string {
  return isOfDatabase(code) ? DATABASE_AWAY : ERROR_TABLE[code].message;
}

/** The same error without what is an administrator's to know; its code and status stay. */
export function forVisitors(error: AppError): AppError {
  if (!isOfDatabase(error.code)) return error;
  const shown = new AppError(error.code);
  shown.message = DATABASE_AWAY;
  return shown;
}

/** An error as callers read it. */
export interface ErrorAnswer {
  code: ErrorCode;
  message: string;
  /** The field of the request that it is about, e.g. `limits.users`. */
  field?: string;
  operation?: Operation;
}

export function isAppError(error: unknown): error is AppError {
  return error instanceof Error && error.name === 'AppError' && 'code' in error && 'params' in error;
}

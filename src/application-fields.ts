import { quotable } from './app-name';
import { AppError } from './errors';
import { isPlainObject } from './plain-object';
import { SECRET_PLACES } from './option-table';
import { isSecretName } from './redaction';

/** The calls that write the fields of an application. */
export type FieldCall = 'create' | 'update' | 'clone' | 'import';

/** Every field of an application that a caller may write, and in which calls. The one place for a new field. */
const FIELDS = {
  name: ['create', 'clone', 'import'],
  displayName: ['create', 'update', 'clone', 'import'],
  cname: ['create', 'update', 'clone', 'import'],
  domains: ['create', 'update', 'clone', 'import'],
  icon: ['create', 'update', 'import'],
  iconImage: ['create', 'update', 'import'],
  pinned: ['create', 'update', 'import'],
  hidden: ['create', 'update', 'import'],
  sort: ['update'],
  startMode: ['create', 'update', 'clone', 'import'],
  idleTimeout: ['create', 'update', 'import'],
  keepAwake: ['create', 'update', 'import'],
  onSchedule: ['create', 'update', 'import'],
  limits: ['create', 'update', 'import'],
  options: ['create', 'update', 'import'],
  admin: ['create', 'clone'],
  adopt: ['create'],
} as const satisfies Record<string, readonly FieldCall[]>;

type Field = keyof typeof FIELDS;
export type UpdatableField = { [F in Field]: 'update' extends (typeof FIELDS)[F][number] ? F : never }[Field];

/** Fields that answers show and that no caller changes. They may be sent back as they were read, and change nothing. */
export const READ_ONLY_FIELDS: readonly string[] = [
  ...['status', 'state', 'stateSince', 'stateReason', 'lastError', 'retryAt', 'journey', 'awakeBecause', 'events'],
  ...['lastActiveAt', 'lastVisitedAt', 'address', 'databasePlace', 'nextDueAt', 'faults', 'removedAt', 'purgeAt'],
  ...['stoppedAt', 'ownSecret', 'ignoredOptions', 'iconUrl', 'isolation', 'createdAt', 'updatedAt'],
  // Columns that only the service writes.
  ...['provisioning', 'secrets', 'removal'],
];

/** The fields that a call takes. */
export function fieldsOf(call: FieldCall): Field[] {
  return (Object.keys(FIELDS) as Field[]).filter((field) => (FIELDS[field] as readonly FieldCall[]).includes(call));
}

/** The fields that an update may change. */
export const UPDATABLE_FIELDS = fieldsOf('update') as UpdatableField[];

/**
 * The body of a call as an object of known fields; an absent one is an empty object.
 * @param writable those that a refusal names
 * @throws APP_VALUE_INVALID for what is no object, APP_FIELD_UNKNOWN, APP_SECRET_MISPLACED
 */
export function assertKnownFields(body: unknown, known: readonly string[], writable = known): Record<string, unknown> {
  if (body === undefined || body === null || body === '') return {};
  if (!isPlainObject(body)) {
    throw new AppError('APP_VALUE_INVALID', { field: 'values', reason: 'it must be an object of fields' });
  }
  const unknown = Object.keys(body).find((field) => !known.includes(field));
  if (unknown === undefined) return body;
  const field = quotable(unknown);
  if (isSecretName(unknown)) throw new AppError('APP_SECRET_MISPLACED', { field, hint: SECRET_PLACES });
  throw new AppError('APP_FIELD_UNKNOWN', { field, known: writable.join(', ') || 'none' });
}

/**
 * What a caller writes of an application: the fields that the call takes. Fields that are only read may stand beside them.
 * @param name of the application that is updated; it may be said again
 * @throws APP_NAME_IMMUTABLE, and what `assertKnownFields` throws
 */
export function readFields(body: unknown, call: FieldCall, name?: string): Record<string, unknown> {
  const taken: readonly string[] = fieldsOf(call);
  const { name: said, ...values } = assertKnownFields(
    body,
    [...new Set([...taken, 'name', ...READ_ONLY_FIELDS])],
    taken,
  );
  if (name !== undefined && said !== undefined && said !== name) throw new AppError('APP_NAME_IMMUTABLE');
  const given = name === undefined && said !== undefined ? { name: said, ...values } : values;
  return Object.fromEntries(Object.entries(given).filter(([field]) => taken.includes(field)));
}

import type { FormInstance } from 'antd';
import { useEffect, useState } from 'react';
import type { ApiError } from '../../api-error';

type FieldPath = readonly (string | number)[];

/** Fields of the forms by the names that the server gives them in a refusal. */
const BY_NAME: Readonly<Record<string, FieldPath>> = {
  idleTimeout: ['idleSeconds'],
  'options.lang': ['lang'],
  'options.dbConnType': ['db', 'dbConnType'],
};

/** Fields that an error with this code is about. The first one that is shown gets the sentence. */
const BY_CODE: readonly (readonly [code: RegExp, fields: readonly FieldPath[]])[] = [
  [/^APP_NAME_/, [['name']]],
  [/^APP_ICON_/, [['iconImage']]],
  [/^APP_START_MODE_/, [['startMode']]],
  [/^APP_DATABASE_SCHEMA_/, [['db', 'schema']]],
  [/^APP_DATABASE_CREDENTIALS$/, [['db', 'password'], ['databasePassword']]],
  [/^APP_DATABASE_(UNREACHABLE|VERSION|UNSUPPORTED)$/, [['db', 'host']]],
  [/^APP_DATABASE_/, [['db', 'database']]],
  [/^APP_ADMIN_/, [['admin', 'email']]],
  [/^APP_ARCHIVE_/, [['archive']]],
];

/** The fields of the forms that a refusal of the server may be about, the likeliest first. */
export function fieldsOf({ code = '', field }: ApiError, values: { cname?: unknown }): readonly FieldPath[] {
  if (field !== undefined) {
    const known = BY_NAME[field] ?? field.split('.');
    const [first, second, ...rest] = known;
    return [first === 'options' && second === 'database' ? ['db', ...rest] : known];
  }
  if (code.startsWith('APP_DOMAIN_')) return values.cname ? [['cname'], ['domains']] : [['domains'], ['cname']];
  return BY_CODE.find(([pattern]) => pattern.test(code))?.[1] ?? [];
}

/** As antd names the element of a field in a form without a name. */
const elementOf = (path: FieldPath) => document.getElementById(path.join('_'));

/** Until the section of a field has unfolded, in milliseconds. */
const UNFOLD_MS = 350;

/**
 * Shows a refusal of the server at the field that it is about, and scrolls there.
 * @param reveal opens the section of a field
 * @returns the refusal, if no field is shown that it is about
 */
export function useFieldError<Values>(
  form: FormInstance<Values>,
  error: ApiError | undefined,
  reveal?: (field: string) => void,
): ApiError | undefined {
  const [placed, setPlaced] = useState<ApiError>();
  useEffect(() => {
    if (!error?.message) return undefined;
    const path = fieldsOf(error, form.getFieldsValue(true) as { cname?: unknown }).find((one) => elementOf(one));
    if (!path) return undefined;
    const name = [...path] as never;
    form.setFields([{ name, errors: [error.code ? `${error.message} (${error.code})` : error.message] }]);
    setPlaced(error);
    reveal?.(String(path[0]));
    const timer = setTimeout(() => form.scrollToField(name, { behavior: 'smooth', block: 'center' }), UNFOLD_MS);
    return () => {
      clearTimeout(timer);
      // A field without rules keeps its error when its value changes.
      form.setFields([{ name, errors: [] }]);
    };
  }, [form, error]);
  return error === placed ? undefined : error;
}

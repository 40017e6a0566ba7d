/** The error, and what it was caused by: Sequelize wraps those of drivers. */
export function* chainOf(error: unknown): Generator<object> {
  for (let at: unknown = error, depth = 0; at && typeof at === 'object' && depth < 5; depth += 1) {
    yield at;
    const { parent, original, cause, errors } = at as Record<string, unknown>;
    at = parent ?? original ?? cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
}

/** Whether a code or a number of the error, or of its causes, is one of these. */
function someCode(error: unknown, isOne: (code: unknown) => boolean): boolean {
  for (const { code, errno } of chainOf(error) as Iterable<{ code?: unknown; errno?: unknown }>) {
    if (isOne(code) || isOne(errno)) return true;
  }
  return false;
}

/**
 * PostgreSQL's SQLSTATE, MySQL's names and numbers (the second: a table space that cannot grow).
 * https://www.postgresql.org/docs/current/errcodes-appendix.html,
 * https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
 */
const DISK_FULL = new Set<unknown>(['53100', 'ER_DISK_FULL', 'ER_RECORD_FILE_FULL', 1021, 1114]);

/** Whether the database server says that its disk is full, in whatever words. */
export function isDiskFull(error: unknown): boolean {
  return someCode(error, (code) => DISK_FULL.has(code));
}

/** PostgreSQL's insufficient_privilege, and MySQL's refusals of a database, a table and a column. */
const ACCESS_DENIED = new Set<unknown>(['42501', 1044, 1142, 1143]);

/** Whether the database server says that the role lacks a right. */
export function isAccessDenied(error: unknown): boolean {
  return someCode(error, (code) => ACCESS_DENIED.has(code));
}

/**
 * PostgreSQL's data exceptions (class 22) and errors of types (42883, 42804), and MySQL's errors of values and regular
 * expressions. A statement with too many columns or conditions (54000 to 54023) is made of what a caller asked for as well.
 */
const WRONG_VALUE = new Set<unknown>([
  ...['54000', '54001', '54011', '54023'],
  ...['42883', '42804'],
  ...[1139, 1292, 1366, 1411, 1525, 3685, 3686, 3692, 3697],
]);

/** Whether the database server refuses a value of a statement, such as a regular expression. */
export function isWrongValue(error: unknown): boolean {
  return someCode(error, (code) => WRONG_VALUE.has(code) || (typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code)));
}

/** The error, and what it was caused by: Sequelize wraps those of drivers. */
export function* chainOf(error: unknown): Generator<object> {
  for (let at: unknown = error, depth = 0; at && typeof at === 'object' && depth < 5; depth += 1) {
    yield at;
    const { parent, original, cause, errors } = at as Record<string, unknown>;
    at = parent ?? original ?? cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
}

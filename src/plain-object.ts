export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What a JSON merge patch (RFC 7396) makes of an object: what it names is changed, `null` takes away, everything else
 * stays. Neither is changed itself.
 */
export function mergePatch(before: Record<string, unknown>, patch: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...before };
  for (const [key, value] of Object.entries(patch)) {
    const known = Object.hasOwn(before, key) ? before[key] : undefined;
    if (value === null) delete merged[key];
    else if (isPlainObject(value)) merged[key] = mergePatch(isPlainObject(known) ? known : {}, value);
    else merged[key] = value;
  }
  return merged;
}

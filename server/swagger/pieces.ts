/** What the descriptions of actions are put together from. */

const OPTIONAL = Symbol('may stay away from an answer');

/** A field that is not in every answer. */
export const maybe = <T extends object>(schema: T): T => ({ ...schema, [OPTIONAL]: true });

/**
 * The same, with the names of the fields that are in every answer written out. An object that says which further fields
 * it may have is a set of settings: each of its fields may stay away.
 */
export function complete<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(complete) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const whole = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, complete(value as unknown)]));
  const { properties, required } = schema as Record<string, object | undefined>;
  if (!properties || required || 'additionalProperties' in schema) return whole as T;
  const always = Object.entries(properties).filter(([, field]) => !(OPTIONAL in (field as object)));
  return { ...whole, required: always.map(([name]) => name) } as T;
}

export const json = (schema: object) => ({ 'application/json': { schema } });
export const answer = (description: string, schema: object) => ({ description, content: json(complete(schema)) });
export const data = (schema: object) => ({ type: 'object', properties: { data: schema } });

/** One page of a list. */
export const page = (items: object, more: object = {}) => ({
  type: 'object',
  properties: {
    data: { type: 'array', items },
    meta: {
      type: 'object',
      properties: {
        count: { type: 'integer', description: 'How many there are in all.' },
        page: { type: 'integer' },
        pageSize: { type: 'integer' },
        totalPage: { type: 'integer' },
        ...more,
      },
    },
  },
});

export const query = (name: string, schema: object, description: string) => ({
  name,
  in: 'query',
  description,
  schema,
});

export const pages = (what: string, most = 2_000) => [
  query('page', { type: 'integer', default: 1, minimum: 1 }, 'Page, from 1.'),
  query('pageSize', { type: 'integer', default: 20, minimum: 1, maximum: most }, `${what} on a page.`),
];

export const tags = ['applications'];
export const filterByTk = { ...query('filterByTk', { type: 'string' }, 'The ID of the application.'), required: true };
export const wait = query(
  'wait',
  { type: 'boolean', default: false },
  'Answer when it is done, or failed and why, instead of when the work is accepted.',
);

export const names = { type: 'array', items: { type: 'string' } };
/** Of one application, or of several at once. */
export const oneOrMany = query(
  'filterByTk',
  { oneOf: [{ type: 'string' }, names] },
  'An ID, or a list of at most 200: `filterByTk[]=a&filterByTk[]=b`.',
);
export const manyNames = {
  content: json({ type: 'object', properties: { names: { ...names, description: 'Instead of `filterByTk`.' } } }),
};

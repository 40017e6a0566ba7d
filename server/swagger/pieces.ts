import { ref } from './schemas';

/** What the descriptions of actions are put together from. */
export const json = (schema: object) => ({ 'application/json': { schema } });
export const answer = (description: string, schema: object) => ({ description, content: json(schema) });
export const data = (schema: object) => ({ type: 'object', properties: { data: schema } });
export const error = (description: string) => answer(description, ref('Errors'));

export const query = (name: string, schema: object, description: string) => ({
  name,
  in: 'query',
  description,
  schema,
});
export const tags = ['applications'];
export const denied = { 401: error('Not signed in.'), 403: error('The role may not do this.') };
export const unknown = { 404: error('There is no such application.') };
export const filterByTk = { ...query('filterByTk', { type: 'string' }, 'The ID of the application.'), required: true };
export const wait = query(
  'wait',
  { type: 'boolean', default: false },
  'Answer when it is done, or failed and why, instead of when the work is accepted.',
);

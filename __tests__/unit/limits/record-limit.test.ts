import type { Application } from '@nocobase/server';
import type { AppLimits } from '../../../server/limits/app-limits';
import { limitRecords } from '../../../server/limits/record-limit';
import type { SizeConfig } from '../../../server/size-config';

type Middleware = (ctx: object, next: () => Promise<void>) => Promise<void>;

describe('the records of a request', () => {
  const note = jest.fn();
  let middleware: Middleware;

  beforeEach(() => {
    note.mockClear();
    const app = { name: 'crm', resourceManager: { use: (given: Middleware) => (middleware = given) } };
    limitRecords(app as unknown as Application, { records: 3 } as SizeConfig, { note } as unknown as AppLimits);
  });

  const call = (resourceName: string, actionName: string, values: unknown) => {
    const db = { getCollection: () => ({ getField: () => undefined }) };
    return () => middleware({ action: { resourceName, actionName, params: { values } }, db }, () => Promise.resolve());
  };
  const items = (count: number) => Array.from({ length: count }, () => ({ template: {} }));

  it.each<[string, unknown]>([
    ['as it is', { batch: items(4) }],
    ['within `values`', { values: { batch: items(4) } }],
  ])('record limit: a batch of templates counts, %s', (_case, values) => {
    expect(call('variables', 'resolve', values)).toThrow(expect.objectContaining({ code: 'APP_BODY_TOO_LARGE' }));
    expect(note).toHaveBeenCalledWith('crm', 'body');
  });

  it.each<[string, string, string, unknown]>([
    ['a smaller batch', 'variables', 'resolve', { batch: items(3) }],
    ['one template', 'variables', 'resolve', { template: {} }],
    ['nothing', 'variables', 'resolve', undefined],
    ['a field of this name', 'posts', 'create', { batch: items(4) }],
  ])('record limit: %s passes', async (_case, resource, action, values) => {
    await call(resource, action, values)();
    expect(note).not.toHaveBeenCalled();
  });

  it('record limit: a list of records counts', () => {
    expect(call('posts', 'create', items(4))).toThrow(expect.objectContaining({ code: 'APP_BODY_TOO_LARGE' }));
  });
});

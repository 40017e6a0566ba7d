import type { Application } from '@nocobase/server';
import { limitRestores } from '../../server/main-restore';
import { foreignSchemas } from '../../server/nocobase/main-schemas';

jest.mock('@nocobase/server', () => ({ Application: { addCommand: () => undefined } }));
jest.mock('../../server/enabled-mark', () => ({ wasEnabled: () => true }));

type Middleware = (ctx: object, next: () => Promise<void>) => Promise<void>;

function database(schemas: string[], options: object = {}, postgres = true) {
  return {
    options,
    isPostgresCompatibleDialect: () => postgres,
    sequelize: { query: () => Promise.resolve(schemas.map((name) => ({ name }))) },
  };
}

async function restore(params: object, known: string[], db = database([]), actionName = 'restore'): Promise<boolean> {
  let middleware: Middleware | undefined;
  const app = {
    db,
    pm: { get: () => undefined },
    resourceManager: { use: (given: Middleware) => (middleware = given) },
  };
  limitRestores(app as unknown as Application, () => known);
  let restored = false;
  await middleware?.({ action: { resourceName: 'backups', actionName, params } }, () => {
    restored = true;
    return Promise.resolve();
  });
  return restored;
}

describe('restore of a backup of the main application', () => {
  it('is refused with 409 and the names of applications in its database', async () => {
    await expect(restore({}, ['crm', 'shop'])).rejects.toMatchObject({
      code: 'APP_RESTORE_DROPS_APPLICATIONS',
      status: 409,
      params: { names: 'crm, shop' },
    });
  });

  it('is refused for schemas that no row names any more', async () => {
    await expect(restore({}, [], database(['lost']))).rejects.toMatchObject({ params: { names: 'lost' } });
  });

  it.each([[{ confirmApplications: 'true' }], [{ values: { confirmApplications: true } }]])(
    'passes with %p, which confirms it',
    async (params) => expect(await restore(params, ['crm'])).toBe(true),
  );

  it('passes if no application lies in the database, and other actions pass', async () => {
    expect(await restore({}, [])).toBe(true);
    expect(await restore({}, ['crm'], database([]), 'create')).toBe(true);
  });
});

describe('schemas of other applications in the database of the main application', () => {
  it.each([
    ['without a schema of its own', database(['crm']), ['crm']],
    ['with a schema of its own', database(['crm'], { schema: 'ops' }), []],
    ['on a server without schemas', database(['crm'], {}, false), []],
  ])('are found %s', async (_title, db, expected) => {
    expect(await foreignSchemas(db as never)).toEqual(expected);
  });
});

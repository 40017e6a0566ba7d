import {
  changesOf,
  databaseOptions,
  DEFAULT_CREATION,
  settingsOf,
  toCreation,
  type CreateValues,
} from '../../../client/components/app-form/form-values';
import { fitInto } from '../../../client/components/app-form/icon-image';
import type { ApplicationRow } from '../../../client/api-types';
import { checkCreate } from '../../../src/app-record';

const named = { ...DEFAULT_CREATION, displayName: ' CRM ', name: 'crm' } as CreateValues;
const row: ApplicationRow = { name: 'crm', displayName: 'CRM', status: 'running', state: 'running', startMode: 'lazy' };

describe('what the forms send', () => {
  it('says nothing of what is left at its default', () => {
    const creation = toCreation(named);
    expect(creation).toEqual({
      name: 'crm',
      displayName: 'CRM',
      startMode: 'lazy',
      options: { dbConnType: 'new_database' },
    });
    expect(checkCreate(creation as unknown as Record<string, unknown>)).toMatchObject({
      name: 'crm',
      displayName: 'CRM',
    });
  });

  it('leaves the ID to the server where nobody typed one', () => {
    for (const name of [undefined, '']) expect(toCreation({ ...named, name })).not.toHaveProperty('name');
  });

  it('says everything that was filled in, as the server takes it', () => {
    const creation = toCreation({
      ...named,
      cname: ' crm.example.com ',
      idle: 'own',
      idleSeconds: 90,
      pinned: true,
      lang: 'zh-CN',
      db: {
        dbConnType: 'new_connection',
        dialect: 'mariadb',
        host: 'db',
        username: 'crm',
        password: ' p ',
        schema: 'x',
        adopt: true,
      },
      admin: { who: 'other', email: 'a@example.com', username: ' ', password: 'secret' },
    });
    expect(creation).toMatchObject({
      cname: 'crm.example.com',
      idleTimeout: 90,
      pinned: true,
      adopt: true,
      admin: { email: 'a@example.com', password: 'secret' },
      options: {
        lang: 'zh-CN',
        dbConnType: 'new_connection',
        database: { dialect: 'mariadb', host: 'db', username: 'crm', password: ' p ' },
      },
    });
    expect(() => checkCreate(JSON.parse(JSON.stringify(creation)) as Record<string, unknown>)).not.toThrow();
  });

  it('gives each way of connecting only what it has', () => {
    const filled = { database: 'd', schema: 's', host: 'h', username: 'u', dialect: 'postgres', port: 1 };
    expect(databaseOptions({ dbConnType: 'new_database', ...filled }).database).toEqual({ database: 'd' });
    expect(databaseOptions({ dbConnType: 'new_schema', ...filled }).database).toEqual({ database: 'd', schema: 's' });
    expect(databaseOptions({ dbConnType: 'new_connection', ...filled }).database).toEqual(filled);
  });

  it('says of an edit only what has changed', () => {
    const before = settingsOf({ ...row, idleTimeout: 0, cname: 'a.example.com', iconUrl: '/api/x' });
    expect(before).toMatchObject({ idle: 'never', keepAwake: false });
    expect(changesOf(before, before)).toEqual({});
    expect(changesOf(before, { ...before, idle: 'default', cname: ' ', iconImage: null })).toEqual({
      idleTimeout: null,
      cname: null,
      iconImage: null,
    });
  });

  it.each([
    [256, 128, [0, 32, 128, 64]],
    [64, 64, [0, 0, 128, 128]],
    [1, 1_000, [64, 0, 1, 128]],
  ])('fits a picture of %d by %d into a square', (width, height, place) => {
    expect(fitInto(128, width, height)).toEqual(place);
  });
});

describe('form values: limits', () => {
  const before = settingsOf({ ...row, limits: { users: 5, body: 2 } });

  it('form values: only limits that differ are sent, and an emptied field returns to the default', () => {
    expect(changesOf(before, before)).toEqual({});
    expect(changesOf(before, { ...before, limits: { users: 9, body: 2 } })).toEqual({ limits: { users: 9 } });
    expect(changesOf(before, { ...before, limits: { users: null, body: 2 } })).toEqual({ limits: { users: null } });
    expect(changesOf(before, { ...before, limits: { ...before.limits, requestRate: 0 } })).toEqual({
      limits: { requestRate: 0 },
    });
  });

  it('form values: a new application sends the limits that were filled in', () => {
    expect(toCreation({ ...named, limits: { storage: 100 } })).toMatchObject({ limits: { storage: 100 } });
    expect(toCreation(named)).not.toHaveProperty('limits');
  });
});

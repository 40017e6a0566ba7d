import { answers, bodies } from '../../server/swagger/schemas';
import { checkCreate, checkUpdate } from '../../src/app-record';
import {
  assertKnownFields,
  fieldsOf,
  READ_ONLY_FIELDS,
  readFields,
  type FieldCall,
} from '../../src/application-fields';
import { refusal } from './helpers/refusal';

describe('fields of an application: a write', () => {
  it.each([
    ['create', { displayname: 'x' }, 'displayname'],
    ['create', { a: 1 }, 'a'],
    ['create', { name: 'crm', option: {} }, 'option'],
    ['create', { name: 'crm', startmode: 'lazy' }, 'startmode'],
    ['create', { name: 'crm', archive: 'x.tar' }, 'archive'],
    ['update', { displayNme: 'x' }, 'displayNme'],
    ['update', { admin: { email: 'a@b.c', password: 'x' } }, 'admin'],
    ['update', { adopt: true }, 'adopt'],
    ['update', { provisoning: {} }, 'provisoning'],
    ['clone', { pinned: true }, 'pinned'],
    ['clone', { options: {} }, 'options'],
    ['import', { admin: {} }, 'admin'],
    ['import', { adopt: true }, 'adopt'],
    ['import', { constructor: 1 }, 'constructor'],
    ['create', JSON.parse('{"__proto__": {"name": "x"}}') as object, '__proto__'],
  ] as const)('of the kind %s refuses %j and names the field', (call, body, field) => {
    const error = refusal(() => readFields(body, call, call === 'update' ? 'crm' : undefined));
    expect(error).toMatchObject({ code: 'APP_FIELD_UNKNOWN', status: 400 });
    expect(error?.message).toContain(`"${field}"`);
    expect(error?.message).toContain(`the fields are: ${fieldsOf(call).join(', ')}.`);
  });

  it.each([
    ...[{ secret: 'Planted' }, { password: 'Planted' }, { dbPassword: 'Planted' }, { jwtSecret: 'Planted' }],
    ...[{ token: 'Planted' }, { apiToken: 'Planted' }],
  ])('refuses %j and says where secrets belong', (body) => {
    const error = refusal(() => readFields(body, 'create'));
    expect(error).toMatchObject({ code: 'APP_SECRET_MISPLACED', status: 400 });
    expect(error?.message).toContain('options.authManager.jwt.secret');
    expect(error?.message).not.toContain('Planted');
  });

  it.each([[[]], ['text'], [7], [true], [[{ name: 'crm' }]]])('refuses the body %j, which is no object', (body) => {
    for (const call of ['create', 'update', 'clone', 'import'] as const) {
      expect(refusal(() => readFields(body, call))).toMatchObject({ code: 'APP_VALUE_INVALID', status: 400 });
    }
  });

  it('takes back everything that an answer shows, and changes nothing by it', () => {
    const shown = Object.fromEntries(Object.keys(answers.Application.properties).map((field) => [field, null]));
    const read = readFields({ ...shown, name: 'crm', events: [] }, 'update', 'crm');
    expect(Object.keys(read).filter((field) => READ_ONLY_FIELDS.includes(field) || field === 'name')).toEqual([]);
    expect(Object.keys(readFields({ ...shown, name: 'crm' }, 'create')).sort()).toEqual(
      Object.keys(shown)
        .filter((field) => (fieldsOf('create') as string[]).includes(field))
        .sort(),
    );
  });

  it('takes every field that is documented', () => {
    const untaken = (schema: { properties: object }, call: FieldCall) =>
      Object.keys(schema.properties).filter((field) => !(fieldsOf(call) as string[]).includes(field));
    expect(untaken(bodies.ApplicationCreate, 'create')).toEqual([]);
    expect(untaken(bodies.ApplicationUpdate, 'update')).toEqual([]);
    expect(untaken(bodies.ApplicationClone, 'clone')).toEqual([]);
  });

  it('refuses another name for an application that exists', () => {
    expect(refusal(() => readFields({ name: 'other' }, 'update', 'crm'))).toMatchObject({ code: 'APP_NAME_IMMUTABLE' });
    expect(refusal(() => readFields({ name: null }, 'update', 'crm'))).toMatchObject({ code: 'APP_NAME_IMMUTABLE' });
  });

  it('takes an absent body for an empty one', () => {
    for (const body of [undefined, null, '', {}]) expect(assertKnownFields(body, [])).toEqual({});
  });
});

describe('fields of an application: a text', () => {
  const secrets = [
    'see postgres://nb:Planted-4712@db.example/crm',
    'mysql://:Planted@db',
    'host=db user=nb password=Planted',
    'pwd = Planted',
    'redis://default:Planted@cache:6379/0',
    'https://admin:Planted@example.com/',
    '-----BEGIN RSA PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----',
    'eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOjF9.Planted',
    'mongodb+srv://u:Planted@cluster/x',
  ];
  const harmless = [
    'CRM: sales & support',
    'https://example.com:8080/@team',
    'a@b.c',
    'Password manager',
    'Token: 7',
    '客户@管理',
  ];

  it.each(secrets)('with the secret "%s" is refused, with a hint', (text) => {
    for (const check of [
      () => checkCreate({ name: 'crm', displayName: text }),
      () => checkCreate({ name: 'crm', icon: text }),
      () => checkUpdate({ displayName: text }, { name: 'crm', startMode: 'lazy', options: {} }),
    ]) {
      const error = refusal(check);
      expect(error).toMatchObject({ code: 'APP_SECRET_MISPLACED', status: 400 });
      expect(error?.message).toContain('options.database.password');
      expect(error?.message).not.toContain('Planted');
    }
  });

  it.each(harmless)('"%s" is taken', (displayName) =>
    expect(checkCreate({ name: 'crm', displayName }).displayName).toBe(displayName),
  );
});

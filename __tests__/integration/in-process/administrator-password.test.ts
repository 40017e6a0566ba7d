import '../../helpers/in-process-environment';
import { describeWithPostgres, InProcessApp, OURS } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';
import { MAIN_WITH_PEOPLE, signIn, whoIs, WITH_PEOPLE } from '../../helpers/people';

const OLD = 'Planted-4712';
const NEW = 'Planted-4713';

/** The reset of the password of an administrator of an application. */
describeWithPostgres('the password of an administrator', () => {
  let app: InProcessApp;
  let crm: string;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...MAIN_WITH_PEOPLE, OURS] });
    crm = app.name('crm');
    const admin = { username: 'ada', email: 'ada@example.com', password: OLD };
    await app.create({ name: crm, admin, options: { plugins: WITH_PEOPLE } });
    expect((await app.get('/api/app:getLang', { 'X-App': crm })).status).toBe(200);
    const people = instanceOf(app, crm).db.getRepository('users');
    await people.create({ values: { username: 'bob', email: 'bob@example.com', password: OLD, roles: ['member'] } });
    await people.create({ values: { username: 'eve', email: 'eve@example.com', password: OLD, roles: ['admin'] } });
  });

  afterAll(() => app?.end());

  const reset = async (body: object = {}, name = crm) =>
    await app.post(`/api/applications:resetPassword?filterByTk=${name}`, body);
  const dataOf = ({ body }: { body: unknown }) => (body as { data: Record<string, string> }).data;
  const refusalOf = ({ status, body }: { status: number; body: unknown }) => {
    const [{ code, field, message } = {}] = (body as { errors: Record<string, string>[] }).errors;
    return [status, code, field, message];
  };

  it('is generated for the first administrator, whose sessions are ended', async () => {
    const before = await signIn(app, crm, 'ada', OLD);
    expect((await whoIs(app, crm, before)).status).toBe(200);
    const answer = await reset();
    expect(answer.status).toBe(200);
    const { username, email, password = '' } = dataOf(answer);
    expect([username, email]).toEqual(['ada', 'ada@example.com']);
    expect(password).toMatch(/^[\w-]{16}$/);
    expect(await signIn(app, crm, 'ada', OLD)).toBeUndefined();
    expect(await signIn(app, crm, 'ada', password)).toEqual(expect.any(String));
    expect((await whoIs(app, crm, before)).status).toBe(401);
    expect(await signIn(app, crm, 'eve', OLD)).toEqual(expect.any(String));
  });

  it('is set for the account and to the text that are given, also if the application sleeps', async () => {
    await app.service.runner(crm)?.stop('sleep');
    const answer = await reset({ account: 'eve@example.com', password: NEW });
    const id = expect.anything() as number;
    expect(dataOf(answer)).toEqual({ id, username: 'eve', email: 'eve@example.com', password: null });
    expect(JSON.stringify(answer.body)).not.toContain(NEW);
    expect(await signIn(app, crm, 'eve', NEW)).toEqual(expect.any(String));
    expect(await signIn(app, crm, 'eve', OLD)).toBeUndefined();
  });

  it('is an event, without the password', async () => {
    const { body } = await app.get(`/api/applications:events?filterByTk=${crm}&type=password-reset`);
    expect(body.data).toMatchObject([{ message: 'eve' }, { message: 'ada' }]);
    expect(JSON.stringify(body)).not.toContain(NEW);
  });

  it.each([
    [{ account: 'bob' }, 'account', /no administrator/],
    [{ account: 'nobody' }, 'account', /no such account/],
    [{ account: ['ada'] }, 'account', /text/],
    [{ account: { $ne: '' } }, 'account', /text/],
    [{ password: 4712 }, 'password', /text/],
    [{ password: 'x'.repeat(256) }, 'password', /255/],
    [{ password: 'a\nb' }, 'password', /text/],
  ])('is not set by %j', async (body, field, message) => {
    expect(refusalOf(await reset(body))).toEqual([400, 'APP_VALUE_INVALID', field, expect.stringMatching(message)]);
    expect(await signIn(app, crm, 'bob', OLD)).toEqual(expect.any(String));
  });

  it('is written past the hooks of the application, and as work of the application', async () => {
    const { db } = instanceOf(app, crm);
    const seen: unknown[] = [];
    const note = () => seen.push('a hook');
    const users = db.getCollection('users');
    const hash = jest.spyOn(users.getField('password') as unknown as { hash(text: string): Promise<string> }, 'hash');
    db.on('users.beforeUpdate', note);
    db.on('users.afterUpdate', note);
    hash.mockImplementationOnce((text) => {
      seen.push(app.service.fence.current);
      return Promise.resolve(text);
    });
    try {
      expect((await reset({ account: 'eve' })).status).toBe(200);
      expect(seen).toEqual([crm]);
    } finally {
      db.off('users.beforeUpdate', note);
      db.off('users.afterUpdate', note);
      hash.mockRestore();
    }
  });

  it('is not set if the name is that of two administrators', async () => {
    const people = instanceOf(app, crm).db.getRepository('users');
    await people.create({ values: { username: 'eve@example.com', password: OLD, roles: ['admin'] } });
    const field = [400, 'APP_VALUE_INVALID', 'account'];
    expect(refusalOf(await reset({ account: 'eve@example.com' })).slice(0, 3)).toEqual(field);
    await people.update({ filter: { username: 'eve@example.com' }, values: { roles: ['member'] } });
    expect(dataOf(await reset({ account: 'eve@example.com' }))).toMatchObject({ username: 'eve' });
  });

  it('is not set in an application that is stopped, that has no users, or that does not exist', async () => {
    const bare = app.name('bare');
    await app.create({ name: bare, options: { plugins: ['error-handler'] } });
    expect(refusalOf(await reset({}, bare)).slice(0, 3)).toEqual([400, 'APP_VALUE_INVALID', 'account']);
    expect(refusalOf(await reset({}, app.name('none'))).slice(0, 2)).toEqual([404, 'APP_NOT_FOUND']);
    await app.post(`/api/applications:stop?filterByTk=${crm}&wait=true`);
    expect(refusalOf(await reset()).slice(0, 2)).toEqual([503, 'APP_STOPPED']);
    expect((await app.get(`/api/applications:resetPassword?filterByTk=${crm}`)).status).toBe(405);
  });
});

import '../../helpers/in-process-environment';
import request from 'supertest';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/** How an application is shown: its icon, and where. */

interface Row {
  iconUrl: string | null;
}

const plugins = ['error-handler'];

/** A picture of exactly so many bytes, or what looks like one. */
const png = (size: number) => {
  const content = Buffer.alloc(size, 1);
  Buffer.from('89504e470d0a1a0a', 'hex').copy(content);
  return `data:image/png;base64,${content.toString('base64')}`;
};
const LARGEST = png(64 * 1024);

describeWithPostgres('the icon of an application', () => {
  let app: InProcessApp;
  let crm: string;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    crm = app.name('crm');
  });

  afterAll(() => app?.end());

  const create = (values: object) =>
    app.post('/api/applications:create?wait=true', { options: { plugins }, ...values });
  const update = (values: object, name = crm) => app.post(`/api/applications:update?filterByTk=${name}`, values);
  const get = async (name = crm) => (await app.get(`/api/applications:get?filterByTk=${name}`)).body.data;

  it('may be a picture of 64 KB, and is shown in lists and alone', async () => {
    const made = await create({ name: crm, icon: 'shopoutlined', iconImage: LARGEST, hidden: true, pinned: true });
    expect(made.status).toBe(200);
    const expected = { icon: 'shopoutlined', iconImage: LARGEST, hidden: true, pinned: true };
    expect(made.body.data).toMatchObject(expected);
    expect(await get()).toMatchObject(expected);
    const [row] = (await app.get('/api/applications:list')).body.data as Row[];
    expect(row).toMatchObject({ icon: 'shopoutlined', hidden: true, iconUrl: made.body.data.iconUrl });
    expect(row).not.toHaveProperty('iconImage');
  });

  it('has an address that needs no token, that browsers keep, and that is another one for another picture', async () => {
    const { iconUrl } = (await get()) as { iconUrl: string };
    expect(iconUrl).toMatch(/^\/api\/appSupervisor:icon\?id=[0-9a-f]{32}$/);
    const picture = Buffer.from(LARGEST.slice(LARGEST.indexOf(',') + 1), 'base64');
    // Of the main application, of the application itself, and of a process that has listed nothing yet.
    for (const headers of [{}, { 'X-App': crm }] as Record<string, string>[]) {
      const {
        status,
        body,
        headers: found,
      } = await request(await app.listen())
        .get(iconUrl)
        .set(headers)
        .responseType('blob');
      expect([status, picture.equals(body as Buffer), found['content-type']]).toEqual([200, true, 'image/png']);
      expect([found['cache-control'], found['x-content-type-options']]).toEqual([
        'public, max-age=31536000, immutable',
        'nosniff',
      ]);
      const again = await app.get(iconUrl, { ...headers, 'If-None-Match': String(found.etag) });
      expect([again.status, again.text]).toEqual([304, '']);
      app.service.icons.clear();
    }
    expect((await update({ iconImage: png(200) })).status).toBe(200);
    const changed = ((await app.get('/api/applications:list')).body.data as Row[])[0]?.iconUrl;
    expect([changed === iconUrl, (await app.get(String(changed))).status]).toEqual([false, 200]);
    for (const url of [iconUrl, iconUrl.slice(0, -1), `${iconUrl}0`, '/api/appSupervisor:icon', `${iconUrl}&id=x`]) {
      const { status, body } = await app.get(url);
      expect([url, status, body.errors?.[0]?.code]).toEqual([url, 404, 'APP_FILE_NOT_FOUND']);
    }
    expect((await update({ iconImage: LARGEST, iconUrl: 'sent back' })).body.data.iconUrl).toBe(iconUrl);
  });

  it('goes with a clone, and hidden stays hidden', async () => {
    const clone = app.name('clone');
    const made = await app.post(`/api/applications:clone?filterByTk=${crm}&wait=true`, { name: clone });
    expect(made.body.data).toMatchObject({ name: clone, icon: 'shopoutlined', iconImage: LARGEST, hidden: true });
  });

  it('can be changed and taken off, and stays as it is when something else changes', async () => {
    expect((await update({ displayName: 'Shop' })).body.data).toMatchObject({ iconImage: LARGEST, hidden: true });
    const small = png(100);
    expect((await update({ iconImage: small, hidden: false })).body.data).toMatchObject({
      ...{ iconImage: small, hidden: false, pinned: true, icon: 'shopoutlined' },
    });
    expect((await update({ iconImage: null })).body.data).toMatchObject({ iconImage: null, hidden: false });
    await app.restart();
    expect(await get()).toMatchObject({ iconImage: null, hidden: false, displayName: 'Shop' });
  });

  it.each([
    ['too large', png(64 * 1024 + 1)],
    ['an SVG', `data:image/svg+xml;base64,${Buffer.from('<svg/>').toString('base64')}`],
    ['of another content', `data:image/png;base64,${Buffer.from('<script>').toString('base64')}`],
    ['a number', 7],
  ])('is refused: %s', async (_what, iconImage) => {
    const before = (await get()).iconImage as unknown;
    const changed = await update({ iconImage });
    expect([changed.status, changed.body.errors?.[0]?.code]).toEqual([400, 'APP_ICON_INVALID']);
    expect((await get()).iconImage).toEqual(before);
    const made = await create({ name: app.name('bad'), iconImage });
    expect([made.status, made.body.errors?.[0]?.code]).toEqual([400, 'APP_ICON_INVALID']);
    expect(await app.databases()).not.toContain(app.name('bad'));
  });

  it('refuses a hidden that is neither true nor false', async () => {
    const changed = await update({ hidden: 'perhaps' });
    expect([changed.status, changed.body.errors?.[0]?.code]).toEqual([400, 'APP_VALUE_INVALID']);
  });
});

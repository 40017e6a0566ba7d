import '../../helpers/in-process-environment';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import request from 'supertest';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';

const PLUGINS = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'system-settings', 'action-import'],
];
const COLUMNS = JSON.stringify([{ dataIndex: ['w'], defaultTitle: 'w', title: 'w' }]);

const host = createRequire(path.resolve('host/node_modules/x.js'));
const XLSX = createRequire(host.resolve('@nocobase/plugin-action-import/package.json'))('xlsx') as {
  write(book: object, options: object): Buffer;
  utils: { aoa_to_sheet(rows: unknown[][]): object };
};

/** A spreadsheet with one text in each of its rows. */
function spreadsheet(rows: readonly unknown[][]): Buffer {
  const book = { SheetNames: ['s'], Sheets: { s: XLSX.utils.aoa_to_sheet([['w'], ...rows]) } };
  return XLSX.write(book, { type: 'buffer', bookType: 'xlsx', compression: true });
}

/** Spreadsheets as the action `importXlsx` of an application takes them. */
describeWithPostgres('an import into an application', () => {
  let app: InProcessApp;
  let crm: string;
  let instance: Application;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS], env: { APP_SUPERVISOR_IMPORT_SIZE: '1' } });
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: PLUGINS } });
    expect((await app.get('/api/app:getLang', { 'X-App': crm })).status).toBe(200);
    instance = instanceOf(app, crm);
    instance.acl.allow('rows', '*', 'public');
    instance.db.collection({ name: 'rows', fields: [{ type: 'string', name: 'w', interface: 'input' }] });
    await instance.db.sync();
  });

  afterAll(() => app?.end());

  const send = async (file: Buffer, columns = COLUMNS) =>
    await request(await app.listen())
      .post('/api/rows:importXlsx')
      .set('X-App', crm)
      .field('columns', columns)
      .field('explain', '')
      .attach('file', file, 'x.xlsx')
      .ok(() => true);
  const count = () => instance.db.getRepository('rows').count();
  const left = () => {
    const folder = path.join(process.cwd(), 'storage', 'tmp');
    return fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.startsWith('import-')) : [];
  };

  it('writes the rows of a spreadsheet', async () => {
    const answer = await send(spreadsheet([['a'], ['b'], ['c']]));
    expect(answer.body).toMatchObject({ data: { successCount: 3 } });
    expect(await count()).toBe(3);
  });

  it('refuses one that is small, and large when it is unpacked', async () => {
    const bomb = spreadsheet(Array.from({ length: 20_000 }, () => ['same']));
    expect(bomb.length).toBeLessThan(300_000);
    const answer = await send(bomb);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([413, expect.stringContaining('APP_BODY_TOO_LARGE')]);
    const many = await send(spreadsheet([['a']]), JSON.stringify(Array(600).fill(JSON.parse(COLUMNS)[0])));
    expect(many.status).toBe(413);
    const none = await send(Buffer.from('PK\x03\x04 no zip file'));
    expect([none.status, JSON.stringify(none.body)]).toEqual([400, expect.stringContaining('APP_VALUE_INVALID')]);
    expect(await count()).toBe(3);
    expect(left()).toEqual([]);
  });
});

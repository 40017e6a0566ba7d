import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { runAppCommand } from '../../server/commands/app-command';
import { knownServers, runSql } from '../helpers/database-servers';

const NODE_MODULES_PATH = path.resolve(__dirname, '../../host/node_modules');
const NAMES = ['name', 'displayName', 'cname', 'startMode', 'options'];
const DATES = ['stoppedAt', 'lastVisitedAt', 'nextDueAt', 'removedAt', 'createdAt'];

/** The command while no NocoBase runs, with what databases of each kind hold. */
describe.each(knownServers())('offline, from $dialect.name', ({ dialect, address, missing }) => {
  const database = `supervisor_test_offline_${randomBytes(4).toString('hex')}`;
  const postgres = dialect.name === 'postgres';
  const env = {
    ...{ NODE_MODULES_PATH, DB_DIALECT: dialect.name, DB_HOST: address.host, DB_PORT: String(address.port) },
    ...{ DB_USER: address.username, DB_PASSWORD: address.password, DB_DATABASE: database, DB_TABLE_PREFIX: 'nb_' },
    ...{ DB_UNDERSCORED: 'true', APP_SUPERVISOR_BASE_DOMAIN: 'apps.test', SOCKET_PATH: '/nowhere/gateway.sock' },
  };

  const write = async (on: string, statements: string[]) => {
    for (const statement of statements) await runSql({ dialect, address }, statement, on);
  };

  /** What the command writes, and how it ends. */
  const run = async (words: string, more: Record<string, string> = {}) => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const streams = { in: new PassThrough(), out, err } as never;
    const code = await runAppCommand(words.split(' '), { ...env, ...more }, streams);
    return { code, out: String((out.read() as Buffer | null) ?? ''), err: String((err.read() as Buffer | null) ?? '') };
  };

  const test_ = missing ? it.skip : it;
  const title = (text: string) => `${text}${missing ? ` (${missing})` : ''}`;

  beforeAll(async () => {
    if (missing) return;
    const column = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const columns = [
      ...NAMES.map((name) => `${column(name)} ${name === 'options' ? 'json' : 'varchar(100)'}`),
      ...DATES.map((name) => `${column(name)} ${postgres ? 'timestamptz' : 'datetime'}`),
    ];
    await write(address.database, [`CREATE DATABASE ${database}`]);
    await write(database, [
      `CREATE TABLE nb_applications (${columns.join(', ')})`,
      `INSERT INTO nb_applications (name, display_name, cname, options, stopped_at) VALUES
        ('crm', 'Sales', 'crm.example.com', '{"database":{"host":"db2","database":"d","password":"Planted-4712"}}', now())`,
      `INSERT INTO nb_applications (name, removed_at) VALUES ('gone', now())`,
      `INSERT INTO nb_applications (name) VALUES ('app')`,
    ]);
  });

  afterAll(async () => {
    if (!missing) await write(address.database, [`DROP DATABASE IF EXISTS ${database}`]);
  });

  test_(title('lists and shows what is registered, says so, and tells no secret'), async () => {
    const listed = await run('list --json');
    expect([listed.code, listed.err]).toEqual([0, 'No NocoBase runs; this is what its database says.\n']);
    expect(JSON.parse(listed.out)).toMatchObject([
      { name: 'app', state: 'asleep', databasePlace: { database: 'app' }, address: { hosts: ['app.apps.test'] } },
      { name: 'crm', state: 'stopped', databasePlace: { host: 'db2', database: 'd' } },
    ]);
    expect(listed.out).not.toContain('Planted');
    expect((await run('list --name c* --status stopped')).out).toMatch(/^ID .*\ncrm +Sales +stopped [^\n]*\n$/);
    expect(JSON.parse((await run('list --removed --json')).out)).toMatchObject([{ name: 'gone' }]);
    expect((await run('show crm')).out).toMatch(
      /^Addresses +http:\/\/crm\.example\.com:13000\/, crm\.example\.com, crm\.apps\.test, \/apps\/crm\/$/m,
    );
    expect(await run('show nobody')).toMatchObject({ code: 4, out: '' });
  });

  test_(title('says that none runs where the database cannot be read, and for everything else'), async () => {
    const cases: [string, Record<string, string>][] = [
      ['list', { DB_DATABASE: `${database}_none` }],
      ['list', { DB_TABLE_PREFIX: 'other_' }],
      ['list', { DB_HOST: '' }],
      ['status', {}],
      ['start crm', {}],
    ];
    for (const [words, more] of cases) {
      const { code, out, err } = await run(words, more);
      expect([words, more, code, out]).toEqual([words, more, 3, '']);
      expect(err).toMatch(/^No NocoBase with the App Supervisor at work listens at \/nowhere\/app-supervisor\.sock/);
    }
  });
});

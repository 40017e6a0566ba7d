import '../../helpers/in-process-environment';
import { Client } from 'pg';
import { describeWithBothPostgres, mustHaveRole, startAsCreator } from '../../helpers/app-roles';
import { postgresRoles } from '../../../server/databases/postgres-roles';
import type { InProcessApp } from '../../helpers/in-process-app';

/** PostgreSQL opens a new database to every role. What an application's role plants in it, another application would run. */

const options = { plugins: ['error-handler'] };

/**
 * Looks again and again for databases of main's role to which every role may connect. Other test files make databases
 * on the same server at the same time, as other roles.
 */
class OpenDatabases {
  readonly open = new Set<string>();
  private readonly made = new Set<string>();
  private looking?: Promise<void>;
  private ended = false;
  private looks = 0;

  constructor(
    private readonly address: ConstructorParameters<typeof Client>[0],
    private readonly mainRole: string,
  ) {}

  async begin(): Promise<void> {
    const client = new Client(this.address);
    await client.connect();
    const sql = `SELECT datname AS name, datallowconn AND has_database_privilege('public'::name, oid, 'CONNECT') AS open
                   FROM pg_database WHERE pg_get_userbyid(datdba) = $1`;
    const databases = async () => (await client.query<{ name: string; open: boolean }>(sql, [this.mainRole])).rows;
    const before = new Set((await databases()).map(({ name }) => name));
    const look = async () => {
      while (!this.ended) {
        this.looks += 1;
        for (const { name, open } of await databases()) {
          if (before.has(name)) continue;
          this.made.add(name);
          if (open) this.open.add(name);
        }
      }
      await client.end();
    };
    this.looking = look();
  }

  /** Returns the names of the databases that were open at some time. */
  async end(): Promise<string[]> {
    this.ended = true;
    await this.looking;
    expect(this.looks).toBeGreaterThan(20);
    expect(this.made.size).toBeGreaterThan(0);
    return [...this.open];
  }
}

describeWithBothPostgres('a database in the making', (server) => {
  let app: InProcessApp;
  let end: () => Promise<void>;
  let mainRole: string;

  beforeAll(async () => {
    const started = await startAsCreator({
      env: { APP_SUPERVISOR_TEMPLATES: 'on' },
      ...server,
    });
    ({ app, end } = started);
    mainRole = started.role.name;
  });
  afterAll(() => end?.());

  const look = async () => {
    const watch = new OpenDatabases(app.address, mainRole);
    await watch.begin();
    return watch;
  };

  it.each(['installed, which leaves a template', 'copied from that template'])(
    'of an application that is %s: is never open to the roles of others',
    async (kind) => {
      const watch = await look();
      await app.create({ name: app.name(kind.slice(0, 6)), options });
      expect(await watch.end()).toEqual([]);
    },
  );

  it('of a clone: is never open to the roles of others', async () => {
    const watch = await look();
    const clone = { name: app.name('clone') };
    const answer = await app.post(`/api/applications:clone?filterByTk=${app.name('instal')}&wait=true`, clone);
    expect(answer.status).toBe(200);
    expect(await watch.end()).toEqual([]);
  });

  it('of another plugin, when it is given to a role: keeps no session of a role of others', async () => {
    const [open, stranger] = [app.name('open'), mustHaveRole(app, app.name('copied'))];
    await app.sql(`CREATE DATABASE "${open}" OWNER "${mainRole}"`);
    const { host, port } = app.address;
    const session = new Client({ host, port, user: stranger.name, password: stranger.password, database: open });
    let ended = false;
    session.on('error', () => undefined).on('end', () => (ended = true));
    await session.connect();
    const server = app.service.places.server();
    await postgresRoles.give(server, { database: open }, mustHaveRole(app, app.name('clone')));
    await app.until('the session has ended', () => Promise.resolve(ended));
  });
});

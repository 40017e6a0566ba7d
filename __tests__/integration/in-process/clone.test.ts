import '../../helpers/in-process-environment';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { roleOf } from '../../helpers/app-roles';
import { describeWithPostgres, InProcessApp, OURS } from '../../helpers/in-process-app';
import { breakNextCopy, cutAt, MAIN_WITH_PEOPLE, signIn, stepsOf, whoIs, WITH_PEOPLE } from '../../helpers/people';
import { programFolders } from '../../../server/databases/postgres-programs';
import { JourneyLog } from '../../../server/lifecycle/journey';

/** Applications that begin with the data of another one. */

const ADMIN = { username: 'origin', password: 'Planted-4712' };
const OTHER = { username: 'other', password: 'Planted-4713' };

describeWithPostgres('the clone of an application', () => {
  let app: InProcessApp;
  let source: string;
  let token: string | undefined;
  let sequence = 0;

  beforeAll(async () => {
    app = await InProcessApp.start({
      plugins: [...MAIN_WITH_PEOPLE, OURS],
      env: { APP_SUPERVISOR_QUARANTINE_AFTER: '0', APP_SUPERVISOR_BOOT_CONCURRENCY: '1' },
    });
    await app.listen();
    source = app.name('source');
    await app.create({ name: source, displayName: 'Source', options: { plugins: WITH_PEOPLE }, admin: ADMIN });
    token = await signIn(app, source, ADMIN.username, ADMIN.password);
    await app.sql('CREATE TABLE ledger AS SELECT n FROM generate_series(1, 1000) n', [], source);
    await app.sql(`ALTER TABLE ledger OWNER TO "${roleOf(app, source)?.name}"`, [], source);
    mkdirSync(path.dirname(keyFile(source)), { recursive: true });
    writeFileSync(keyFile(source), Buffer.alloc(32, 7));
  });
  afterAll(() => app?.end());
  afterEach(() => jest.restoreAllMocks());

  const keyFile = (name: string) => path.join(app.storage, 'apps', name, 'aes_key.dat');
  const fresh = () => app.name(`c${(sequence += 1)}`);
  const clone = (values: object, query = '&wait=true', of = source) =>
    app.post(`/api/applications:clone?filterByTk=${of}${query}`, values);
  const state = (name: string) => app.service.runner(name)?.state;
  const count = async (table: string, name: string) =>
    (await app.sql<{ n: number }>(`SELECT count(*)::int AS n FROM "${table}"`, [], name))[0]?.n;
  const administrator = async (name: string) => {
    const { body } = await app.get(`/api/applications:details?filterByTk=${name}`);
    return (body as { data: { administrator: unknown } }).data.administrator;
  };
  const title = async (name: string) =>
    (await app.sql<{ title: string }>('SELECT title FROM "systemSettings"', [], name))[0]?.title;
  const codeOf = ({ status, body }: { status: number; body: unknown }) => [
    status,
    (body as { errors?: { code?: string }[] }).errors?.[0]?.code,
  ];

  it('has the data of one that runs, which runs again afterwards and whose visitors are held meanwhile', async () => {
    expect(state(source)).toBe('running');
    const name = fresh();
    const cloning = clone({ name, displayName: 'Clone' });
    await app.until('it is taken down', () => Promise.resolve(state(source) !== 'running'));
    const visitor = whoIs(app, source, token);
    const answer = await cloning;
    expect([answer.status, answer.body.data?.state]).toEqual([200, 'running']);
    expect((await visitor).body.data).toMatchObject({ username: ADMIN.username });
    await app.until('the original runs', () => Promise.resolve(state(source) === 'running'));
    expect(await count('ledger', name)).toBe(1000);
    expect([await title(source), await title(name)]).toEqual(['Source', 'Clone']);
    expect(await stepsOf(app, name)).toEqual([
      ...['queue', 'role', 'copy', 'queue', 'construct', 'connect', 'administrator'],
      ...['check', 'load', 'start'],
    ]);
    const [row] = await app.sql<{ provisioning: object; options: object }>(
      'SELECT provisioning, options FROM applications WHERE name = $1',
      [name],
    );
    expect(row?.provisioning).toMatchObject({ cloneOf: source, from: 'application', readyAt: expect.any(String) });
    expect(row?.options).toMatchObject({ plugins: WITH_PEOPLE, database: { database: name } });

    // Who is signed in there is nobody here; the same password is another token's.
    expect((await whoIs(app, name, token)).status).toBe(401);
    expect((await whoIs(app, source, token)).body.data).toMatchObject({ username: ADMIN.username });
    const own = await signIn(app, name, ADMIN.username, ADMIN.password);
    expect((await whoIs(app, name, own)).body.data).toMatchObject({ username: ADMIN.username });
    expect((await whoIs(app, source, own)).status).toBe(401);
    expect(readFileSync(keyFile(name))).toEqual(readFileSync(keyFile(source)));
  });

  it('leaves no database behind when its making was given up, and it was removed, before it was copied', async () => {
    const name = fresh();
    const before = await app.databases();
    const { config } = app.service;
    const { bootTimeoutMs } = config;
    let mark: string | undefined;
    const { host, port, user, password } = app.address;
    const holder = new Client({ host, port, user, password, database: 'postgres' });
    await holder.connect();
    const copying = async () => {
      const sql = `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE%' AND position($1 IN query) > 0`;
      return (await app.sql(`${sql} AND state = 'active'`, [source])).length > 0;
    };
    try {
      // The copy waits for this one's lock.
      await holder.query('BEGIN');
      await holder.query(`COMMENT ON DATABASE "${source}" IS 'not for long'`);
      config.bootTimeoutMs = 4_000;
      // Most of its time passes before its turn has come.
      let free: () => void = () => undefined;
      const busy = new Promise<void>((resolve) => {
        free = resolve;
      });
      const occupied = app.service.runner(source)?.whileDown(() => busy);
      expect((await clone({ name }, '')).status).toBe(200);
      setTimeout(free, 2_000);
      await occupied;
      await app.until('it is copied', copying);
      await app.until('it is given up', () => Promise.resolve(state(name) === 'failed'));
      expect(await copying()).toBe(true);
      mark = app.service.registry.get(name)?.provisioning?.ownershipToken;
      await app.service.bin.remove(name, { purge: true });
    } finally {
      config.bootTimeoutMs = bootTimeoutMs;
      await holder.end();
    }
    await app.until('the copy has ended', async () => !(await copying()));
    await app.until('nothing is left', async () => {
      const draft = await app.sql('SELECT 1 FROM pg_database WHERE datname = $1', [`app_supervisor_draft_${mark}`]);
      return draft.length === 0;
    });
    expect(await app.databases()).toEqual(before);
  });

  it('sets the key aside by which kept data of a former application of its ID is read', async () => {
    const name = fresh();
    const kept = Buffer.alloc(32, 9);
    mkdirSync(path.dirname(keyFile(name)), { recursive: true });
    writeFileSync(keyFile(name), kept);
    expect(codeOf(await clone({ name }))).toEqual([200, undefined]);
    expect(readFileSync(keyFile(name))).toEqual(readFileSync(keyFile(source)));
    const former = path.join(path.dirname(keyFile(name)), '..', '.former');
    const [folder] = readdirSync(former).filter((entry) => entry.startsWith(`${name}-`));
    expect(readFileSync(path.join(former, String(folder), path.basename(keyFile(name))))).toEqual(kept);
    await app.service.bin.remove(name, { dropDatabase: true, purge: true });
  });

  it('has the data of one that sleeps, and which sleeps on', async () => {
    await app.supervisor.removeApp(source);
    const name = fresh();
    const answer = await clone({ name });
    expect([answer.status, state(source), state(name)]).toEqual([200, 'asleep', 'running']);
    expect(await count('ledger', name)).toBe(1000);
    // A clone without a name keeps the title of its original.
    expect(await title(name)).toBe('Source');
    expect(await count('issuedTokens', name)).toBe(0);
    expect(await count('issuedTokens', source)).toBeGreaterThan(0);
  });

  it('wakes a sleeping original for whoever comes while it is copied, after the copy', async () => {
    await app.supervisor.removeApp(source);
    const name = fresh();
    expect((await clone({ name }, '')).body.data).toMatchObject({ state: 'creating' });
    const visitor = await whoIs(app, source, token);
    expect([visitor.status, visitor.body]).toMatchObject([200, { data: { username: ADMIN.username } }]);
    await app.service.settled(name);
    expect(state(name)).toBe('running');
  });

  it('has the first administrator of its original', async () => {
    const name = fresh();
    await clone({ name, startMode: 'manual' });
    const known = await administrator(source);
    expect(known).toMatchObject({ username: ADMIN.username });
    expect(Object.keys(known as object)).toEqual(['nickname', 'username', 'email']);
    expect(await administrator(name)).toEqual(known);
  });

  it('has another first administrator where one is named', async () => {
    const name = fresh();
    await clone({ name, admin: OTHER, startMode: 'manual' });
    expect(state(name)).toBe('stopped');
    expect(await administrator(name)).toMatchObject({ username: OTHER.username });
    await (
      await app.service.start(name)
    ).done;
    expect(await signIn(app, name, OTHER.username, OTHER.password)).toEqual(expect.any(String));
    expect(await signIn(app, name, ADMIN.username, ADMIN.password)).toBeUndefined();
  });

  it('is refused before anything is written', async () => {
    const unmade = fresh();
    cutAt('construct', JourneyLog);
    await app.create({ name: unmade, options: { plugins: ['error-handler'] } }, false);
    await expect(app.service.settled(unmade)).rejects.toMatchObject({ code: 'APP_BOOT_FAILED' });
    const before = [await app.databases(), await app.sql('SELECT name FROM applications ORDER BY 1')];
    expect(codeOf(await clone({ name: fresh() }, '', 'nobody'))).toEqual([404, 'APP_NOT_FOUND']);
    expect(codeOf(await clone({ name: source }))).toEqual([409, 'APP_NAME_TAKEN']);
    expect(codeOf(await clone({ name: 'Not A Name' }))).toEqual([400, 'APP_NAME_INVALID']);
    expect(codeOf(await clone({ name: fresh(), admin: { username: 'x' } }))).toEqual([400, 'APP_ADMIN_INVALID']);
    expect(codeOf(await clone({ name: fresh() }, '', unmade))).toEqual([409, 'APP_CLONE_REFUSED']);
    expect([await app.databases(), await app.sql('SELECT name FROM applications ORDER BY 1')]).toEqual(before);
  });

  describe('while others are connected to the original', () => {
    const paths = process.env.PATH;
    let other: Client;

    beforeEach(async () => {
      const { host, port, user, password } = app.address;
      other = new Client({ host, port, user, password, database: source });
      await other.connect();
    });
    afterEach(async () => {
      process.env.PATH = paths;
      jest.restoreAllMocks();
      await other.end().catch(() => undefined);
    });

    it('has its data as of one moment, by the programs of PostgreSQL', async () => {
      // Nothing of what is not committed.
      await other.query('BEGIN');
      await other.query('INSERT INTO ledger SELECT * FROM ledger LIMIT 1');
      const name = fresh();
      const answer = await clone({ name });
      expect([answer.status, state(name)]).toEqual([200, 'running']);
      expect(await count('ledger', name)).toBe(1000);
      expect(await signIn(app, name, ADMIN.username, ADMIN.password)).toEqual(expect.any(String));
      expect((await whoIs(app, source, token)).status).toBe(200);
      await app.service.bin.remove(name, { dropDatabase: true, purge: true });
      expect(await app.databases()).not.toContain(name);
    });

    it('fails with a reason where these programs are missing, and is taken up afterwards', async () => {
      process.env.PATH = '/nowhere';
      jest.replaceProperty(programFolders, 'known', []);
      const name = fresh();
      const answer = await clone({ name });
      expect(codeOf(answer)).toEqual([503, 'APP_DATABASE_SOURCE_BUSY']);
      await other.end();
      expect((await whoIs(app, source, token)).status).toBe(200);
      await (
        await app.service.start(name)
      ).done;
      expect(await count('ledger', name)).toBe(1000);
    });
  });

  it('fails when the database breaks in the middle; the original comes back, and the clone is taken up', async () => {
    expect((await whoIs(app, source, token)).status).toBe(200);
    const name = fresh();
    const broken = await breakNextCopy(app, source);
    await clone({ name }, '');
    await broken();
    await expect(app.service.settled(name)).rejects.toMatchObject({ code: expect.stringMatching(/^APP_DATABASE_/) });
    expect((await whoIs(app, source, token)).status).toBe(200);
    await (
      await app.service.start(name)
    ).done;
    expect(await count('ledger', name)).toBe(1000);
  });

  it('two at once of one original are two', async () => {
    const names = [fresh(), fresh()];
    const answers = await Promise.all(names.map((name) => clone({ name })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    for (const name of names) expect([name, await count('ledger', name)]).toEqual([name, 1000]);
    const secrets = await app.sql<{ secrets: unknown }>('SELECT secrets FROM applications WHERE name = ANY($1)', [
      [source, ...names],
    ]);
    expect(new Set(secrets.map(({ secrets: sealed }) => JSON.stringify(sealed))).size).toBe(3);
  });

  it.each(['copy', 'construct', 'administrator', 'load'])('that is cut off at "%s" is taken up', async (step) => {
    await app.supervisor.removeApp(source);
    const name = fresh();
    cutAt(step, JourneyLog);
    await clone({ name }, '');
    await expect(app.service.settled(name)).rejects.toMatchObject({ code: 'APP_BOOT_FAILED' });
    jest.restoreAllMocks();
    await (
      await app.service.start(name)
    ).done;
    expect(await count('ledger', name)).toBe(1000);
    expect((await whoIs(app, name, token)).status).toBe(401);
    const left = await app.sql(
      `SELECT datname FROM pg_database JOIN applications
           ON datname = 'app_supervisor_draft_' || (provisioning->>'ownershipToken')`,
    );
    expect(left).toEqual([]);
    await app.supervisor.removeApp(name);
  });
});

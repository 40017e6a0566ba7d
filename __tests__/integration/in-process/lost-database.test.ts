import '../../helpers/in-process-environment';
import { databaseKind } from '../../../src/database-dialects';
import { knownServers, quotedName, runSql, type KnownServer } from '../../helpers/database-servers';
import { UnsteadyForwarder } from '../../helpers/fake-servers';
import { describeWithPostgres, InProcessApp } from '../../helpers/in-process-app';

/** An application whose database is gone, away or cut off, on every kind of server that this machine has. */

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
  body: { errors?: { code?: string; message: string }[]; error?: { code: string; message: string } };
}

function losing(app: () => InProcessApp, server: KnownServer): void {
  const isPostgres = server.dialect.family === 'postgres';
  let line: UnsteadyForwarder;
  let name: string;

  const sql = (text: string, database?: string) => runSql(server, text, database);
  const ask = (action: string) => app().get(`/api/probe:${action}`, { 'X-App': name }) as Promise<Answer>;
  const codeOf = ({ body }: Answer) => body.errors?.[0]?.code ?? body.error?.code;
  const condition = () => app().service.describe(name);

  /** An action of the application; a plugin would define it. */
  const define = () => {
    const instance = app().supervisor.apps[name];
    if (!instance || instance.resourceManager.isDefined('probe')) return;
    instance.acl.allow('probe', '*', 'public');
    const run = (statement: string) => async (ctx: { body: unknown }, next: () => Promise<void>) => {
      ctx.body = await instance.db.sequelize.query(statement);
      await next();
    };
    instance.resourceManager.define({
      name: 'probe',
      actions: {
        quick: run('SELECT 1'),
        table: async (ctx: { body: unknown }, next: () => Promise<void>) => {
          ctx.body = await instance.db.getRepository('applicationPlugins').count();
          await next();
        },
        slow: run(isPostgres ? 'SELECT pg_sleep(10)' : 'SELECT SLEEP(10)'),
        broken: run('SELECT FROM WHERE'),
        strange: run('SELECT * FROM never_made'),
        late: run(isPostgres ? 'SET LOCAL statement_timeout = 0; SELECT 1/0' : 'SELECT pow(9, 999999)'),
        elsewhere: async () => {
          await fetch('http://127.0.0.1:9/');
        },
      },
    });
  };

  /** Resolves as soon as the server runs the statement of the action `slow`. */
  const slowStatement = () =>
    app().until('the statement runs', async () => {
      const rows = await sql(
        isPostgres
          ? `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}_data' AND query LIKE '%pg_sleep(10)%'`
          : `SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = '${name}_data' AND INFO LIKE '%SLEEP(10)%'`,
      );
      return rows.length > 0;
    });

  /** What a visitor reads names nothing. */
  const expectPlain = (answer: Answer) => {
    for (const secret of [
      `${name}_data`,
      String(line.port),
      '127.0.0.1',
      'ECONN',
      'Sequelize',
      'terminat',
      'does not exist',
      'Unknown database',
    ]) {
      expect(answer.text).not.toContain(secret);
    }
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  };

  beforeAll(async () => {
    line = await UnsteadyForwarder.start(server.address);
    name = app().name(server.dialect.name);
    const { username, password } = server.address;
    const database = {
      dialect: server.dialect.name,
      host: '127.0.0.1',
      port: line.port,
      username,
      password,
      database: `${name}_data`,
    };
    await app().create({ name, options: { dbConnType: 'new_connection', database } });
    define();
  });

  beforeEach(async () => {
    await app().until('it runs', async () => {
      if (condition()?.state !== 'running') await app().get('/api/app:getInfo', { 'X-App': name });
      define();
      return condition()?.state === 'running';
    });
  });

  afterAll(async () => {
    await app().repository.destroy({ filterByTk: name });
    await line?.goAway();
    const force = isPostgres ? ' WITH (FORCE)' : '';
    await sql(`DROP DATABASE IF EXISTS ${quotedName(server, `${name}_data`)}${force}`);
  });

  it.each(['broken', 'strange', 'late', 'elsewhere'])(
    'a request that fails by itself (%s) is no loss',
    async (action) => {
      const answer = await ask(action);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(codeOf(answer) ?? '').not.toMatch(/^APP_DATABASE/);
      await app().service.databaseWatch.settled(name);
      expect(condition()?.state).toBe('running');
      expect((await ask('quick')).status).toBe(200);
    },
  );

  it('a connection that is cut in a statement answers with a code, and the application goes on', async () => {
    const asked = ask('slow');
    await slowStatement();
    line.breakLines();
    const answer = await asked;
    expect([answer.status, codeOf(answer)]).toEqual([503, 'APP_DATABASE_UNREACHABLE']);
    expectPlain(answer);
    await app().service.databaseWatch.settled(name);
    expect(condition()?.state).toBe('running');
    expect((await ask('quick')).status).toBe(200);
  });

  it('a statement that the server ends answers with a code, and the application goes on', async () => {
    const asked = ask('slow');
    await slowStatement();
    if (isPostgres) {
      await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}_data'`);
    } else {
      const rows = (await sql(`SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = '${name}_data'`)) as {
        id: number;
      }[];
      for (const { id } of rows) await sql(`KILL ${id}`).catch(() => undefined);
    }
    const answer = await asked;
    expect([answer.status, codeOf(answer)]).toEqual([503, 'APP_DATABASE_UNREACHABLE']);
    expectPlain(answer);
    await app().service.databaseWatch.settled(name);
    expect(condition()?.state).toBe('running');
  });

  it('a server that is away makes it failed, with a code, until the server is back; nobody need visit it', async () => {
    await app().until('no earlier check holds', async () => {
      await new Promise((resolve) => setTimeout(resolve, 5_100));
      return true;
    });
    await line.goAway();
    const answer = await ask('quick');
    expect([answer.status, codeOf(answer)]).toEqual([503, 'APP_DATABASE_UNREACHABLE']);
    expectPlain(answer);
    await app().until('it is failed', () => Promise.resolve(condition()?.state === 'failed'));
    expect(condition()).toMatchObject({ reason: 'APP_DATABASE_UNREACHABLE', lastError: { step: 'run' } });
    expect(condition()?.retryAt).toBeGreaterThan(Date.now() - 60_000);
    const refused = await ask('quick');
    expect([refused.status, codeOf(refused)]).toEqual([503, 'APP_DATABASE_UNREACHABLE']);
    expectPlain(refused);
    expect((await app().get('/api/applications:list')).status).toBe(200);
    await line.comeBack();
    await app().until('it is back', () => Promise.resolve(condition()?.state === 'running'), 90_000);
  });

  it('a database that is dropped makes it failed, with a code that names nothing', async () => {
    await app().until('no earlier check holds', async () => {
      await new Promise((resolve) => setTimeout(resolve, 5_100));
      return true;
    });
    const force = isPostgres ? ' WITH (FORCE)' : '';
    await sql(`DROP DATABASE ${quotedName(server, `${name}_data`)}${force}`);
    const codes = new Set<string | undefined>();
    await app().until(
      'it is failed',
      async () => {
        const answer = await ask('table');
        if (answer.status !== 200) {
          codes.add(codeOf(answer));
          expectPlain(answer);
        }
        return condition()?.state === 'failed';
        // A check has 30 seconds, and requests in flight have 10 more.
      },
      90_000,
    );
    expect([...codes].every((code) => code === 'APP_DATABASE_MISSING' || code === 'APP_DATABASE_UNREACHABLE')).toBe(
      true,
    );
    await app().until('it is said', async () => codeOf(await ask('quick')) === 'APP_DATABASE_MISSING');
    expect(condition()?.state).toBe('failed');
    expect(condition()?.lastError?.message).toContain(`${name}_data`);
  });
}

describeWithPostgres('an application whose database is lost', () => {
  let app: InProcessApp;

  beforeAll(async () => {
    app = await InProcessApp.start();
    await app.listen();
  });

  afterAll(() => app?.end());

  for (const server of knownServers()) {
    const { name } = server.dialect;
    (server.missing ? describe.skip : describe)(`on ${databaseKind(name)?.family} by ${name}`, () =>
      losing(() => app, server),
    );
  }

  it('the first request after its schema was dropped names the loss, and nothing else', async () => {
    const name = app.name('schema');
    await app.create({ name, options: { dbConnType: 'new_schema', database: { schema: name } } });
    const ask = (action: string) => app.get(`/api/${action}`, { 'X-App': name }) as Promise<Answer>;
    expect((await ask('authenticators:publicList')).status).toBe(200);
    await app.main.db.sequelize.query(`DROP SCHEMA "${name}" CASCADE`);
    const answer = await ask('authenticators:publicList');
    expect([answer.status, answer.body.errors?.[0]?.code]).toEqual([503, 'APP_DATABASE_MISSING']);
    for (const word of [name, 'relation', 'authenticators']) expect(answer.text).not.toContain(word);
    await app.until('it is failed', () => Promise.resolve(app.service.describe(name)?.state === 'failed'));
    await app.repository.destroy({ filterByTk: name });
  });
});

import '../helpers/in-process-environment';
import type { Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp } from '../helpers/in-process-app';

const COUNT = 60;

/**
 * Sixty running applications under load, on a PostgreSQL as it comes (`max_connections=100`): no connection error, and
 * never more connections than the budget. The applications have few plugins: what is tried is the budget.
 */
describeWithPostgres('sixty running applications', () => {
  let app: InProcessApp;
  let instances: Application[];

  beforeAll(async () => {
    app = await InProcessApp.start();
    const seed = app.name('app_0');
    await app.create({ name: seed, options: { plugins: ['error-handler'] } });
    await app.supervisor.removeApp(seed);
    // The others are copies: sixty installations would take minutes.
    const names = Array.from({ length: COUNT - 1 }, (_, at) => app.name(`app_${at + 1}`));
    for (const name of names) await app.sql(`CREATE DATABASE "${name}" TEMPLATE "${seed}"`, [], 'postgres');
    // Rows as another plugin writes them: a copied database carries no marker of its own.
    await app.sql(
      `INSERT INTO applications (name, "displayName", options, "startMode", "createdAt", "updatedAt")
       SELECT copy, copy, jsonb_set(options::jsonb, '{database,database}', to_jsonb(copy)), "startMode", "createdAt",
              "updatedAt"
         FROM applications CROSS JOIN unnest($1::text[]) AS copy
        WHERE name = $2`,
      [names, seed],
    );
    await app.service.registry.load(app.main);
    instances = await Promise.all([seed, ...names].map((name) => app.supervisor.getApp(name)));
    const conditions = names.map((name) => app.service.runner(name)?.describe());
    expect(conditions.filter((condition) => condition?.state !== 'running')).toEqual([]);
  }, 600_000);

  afterAll(() => app?.end(), 120_000);

  it('stay within the budget, answer every query, and drain to zero', async () => {
    const [server] = await app.sql<{ max: number }>(`SELECT current_setting('max_connections')::int AS max`);
    const { connections } = app.service;
    const snapshot = () => connections.snapshot(app.supervisor.getApps());
    if (server?.max === 100) expect(snapshot()?.limit).toBe(77);
    const limit = snapshot()?.limit ?? 0;
    expect(instances.filter(Boolean).length).toBe(COUNT);

    const samples: number[] = [];
    let done = false;
    const watch = (async () => {
      while (!done) {
        samples.push((await app.connections()).length);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const load = instances.flatMap((instance) => {
      const { sequelize } = instance.db;
      const sleep = 'SELECT pg_sleep(0.05)';
      return [
        ...Array.from({ length: 20 }, () => sequelize.query(sleep)),
        ...Array.from({ length: 2 }, () =>
          sequelize.transaction(async (transaction) => {
            await sequelize.query(sleep, { transaction });
            await sequelize.query(sleep, { transaction });
          }),
        ),
      ];
    });
    const main = Array.from({ length: 50 }, () => app.main.db.sequelize.query('SELECT 1'));
    const started = Date.now();
    try {
      await Promise.all([...load, ...main]);
    } finally {
      done = true;
      await watch;
    }
    const most = Math.max(...samples);
    process.stderr.write(
      `${COUNT} applications, ${load.length} pieces of work in ${Date.now() - started} ms; ` +
        `at most ${most} connections of ${limit}, ${samples.length} samples\n`,
    );
    expect(most).toBeLessThanOrEqual(limit);
    // More was wanted than there is.
    expect(most).toBeGreaterThan(limit / 2);
    await app.until('all have drained', () => Promise.resolve(snapshot()?.applications.inUse === 0), 60_000);
  }, 300_000);
});

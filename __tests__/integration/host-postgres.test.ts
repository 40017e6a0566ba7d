import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';

interface Data {
  close(): void;
  file(...names: string[]): string;
}

interface Running {
  address: { host: string; port: number; user: string; password: string };
  stop(): Promise<void>;
}

interface DataModule {
  DataDirectory: { open(folder: string, report: object): Promise<Data> };
}

interface PostgresModule {
  startPostgres(data: Data, options?: { release?: number }): Promise<Running>;
}

/** The PostgreSQL of `npm start` where the environment names no database server. */
describe('the embedded PostgreSQL', () => {
  let data: Data;
  let server: Running | undefined;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-postgres-'));
    const { DataDirectory } = (await importHost('data-directory.mjs')) as DataModule;
    const { silent } = (await importHost('report.mjs')) as { silent: object };
    data = await DataDirectory.open(folder, silent);
  });

  afterEach(async () => {
    await server?.stop();
    server = undefined;
    data.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(options?: { release?: number }): Promise<void> {
    await server?.stop();
    server = undefined;
    const { startPostgres } = (await importHost('postgres.mjs')) as PostgresModule;
    server = await startPostgres(data, options);
  }

  async function answer(sql: string): Promise<unknown> {
    const client = new Client({ ...server?.address, database: 'postgres' });
    await client.connect();
    try {
      const { rows } = await client.query<{ value: unknown }>(sql);
      return rows[0]?.value;
    } finally {
      await client.end();
    }
  }

  const release = () => answer(`SELECT current_setting('server_version_num')::int / 10000 AS value`);

  it('is version 15, of which Debian 12 has programs for exports, and knows the letters of all languages', async () => {
    await start();
    expect(await release()).toBe(15);
    expect(await answer(`SELECT lower('ÄÉŽ中Ω') AS value`)).toBe('äéž中ω');
  });

  it('stays version 18 where version 18 made the data', async () => {
    await start({ release: 18 });
    await answer(`CREATE TABLE kept AS SELECT 'a row' AS value`);
    await start();
    expect(await release()).toBe(18);
    expect(await answer('TABLE kept')).toBe('a row');
  });

  it('refuses data of a version without programs, and leaves it as it is', async () => {
    await start();
    await server?.stop();
    server = undefined;
    await writeFile(data.file('postgres', 'PG_VERSION'), '14\n');
    await expect(start()).rejects.toThrow(/data of PostgreSQL 14; there are programs for 15 and 18/);
    await writeFile(data.file('postgres', 'PG_VERSION'), '15\n');
    await start();
    expect(await release()).toBe(15);
  });
});

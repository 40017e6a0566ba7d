import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import request from 'supertest';
import { DATABASE, installInto } from './installation';

/** The part of host/index.mjs that tests use; the module is loaded by Node itself (see scripts/test/environment.cjs). */
export interface RunningHost {
  url: string;
  port: number;
  dataDir: string;
  storageDir: string;
  logFile: string;
  credentials: { email: string; password: string };
  database: { host: string; port: number; user: string; password: string; database: string };
  pid: number;
  /** Resolves when the process has ended by itself, with how. */
  untilEnded(): Promise<Error>;
  stop(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  restart(): Promise<void>;
}

interface StartOptions {
  env?: Record<string, string | undefined>;
  pluginEnabled?: boolean;
  pluginAvailable?: boolean;
  /** The `index.mjs` of another host folder than the repository's, relative to that one. */
  hostModule?: string;
}

export interface Answer {
  status: number;
  // Bodies are JSON of many shapes; each test says what it expects.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
  text: string;
  headers: Record<string, string>;
}

type Query = Record<string, string>;

/** Adds a JSON body where there is one; any answer, whatever its status, is an answer. */
async function answered(call: request.Test, body?: object): Promise<Answer> {
  return await (body === undefined ? call : call.send(body)).ok(() => true);
}

/** What tests give as passwords; no answer and no log says it again. */
export const PLANTED = 'Planted-4712';

/** A real NocoBase with the built plugin, in a process and a database of its own, and the calls that tests make. */
export class TestHost {
  private readonly tokens = new Map<string, string>();
  /** Answers in which a secret was found. */
  private readonly leaks: string[] = [];

  private constructor(
    readonly host: RunningHost,
    private readonly folder: string,
  ) {}

  static async start(options: StartOptions = {}): Promise<TestHost> {
    const { env, hostModule, ...rest } = options;
    const { startHost } = (await importHost(hostModule ?? 'index.mjs')) as {
      startHost(options: object): Promise<RunningHost>;
    };
    const folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-host-'));
    const copied = !hostModule && rest.pluginEnabled !== false && !env?.DB_HOST && (await installInto(folder));
    const host = await startHost({
      dataDir: folder,
      database: copied ? DATABASE : `supervisor_test_${randomBytes(5).toString('hex')}`,
      env: { APP_SUPERVISOR_BASE_DOMAIN: 'localhost,apps.test', ...env },
      ...rest,
    });
    return new TestHost(host, folder);
  }

  /** Stops it and removes what it made: its databases, those of its applications, its files. */
  async end(): Promise<void> {
    const leaks = [...this.leaks, ...(await this.leaksInLogs())];
    const rows = await this.sql<{ database: string }>(
      `SELECT COALESCE(options->'database'->>'database', name) AS database FROM applications`,
    ).catch(() => []);
    const templates = await this.sql<{ database: string }>(
      `SELECT datname AS database FROM pg_database WHERE starts_with(datname, 'app_supervisor_template_' ||
        (SELECT oid FROM pg_database WHERE datname = current_database()) || '_')`,
    ).catch(() => []);
    await this.host.stop();
    await this.sql('SELECT 1', [], 'postgres').then(
      async () => {
        for (const { database } of [...rows, ...templates, this.host.database]) {
          await this.sql(`DROP DATABASE IF EXISTS "${database.replaceAll('"', '""')}" WITH (FORCE)`, [], 'postgres');
        }
      },
      // An embedded server has ended with its host.
      () => undefined,
    );
    await rm(this.folder, { recursive: true, force: true });
    expect(leaks).toEqual([]);
  }

  private secretsIn(text: string): boolean {
    const secrets = [PLANTED, this.host.credentials.password, this.host.database.password];
    return secrets.some((secret) => secret && text.includes(secret));
  }

  private async leaksInLogs(): Promise<string[]> {
    const logs = path.join(this.host.storageDir, 'logs');
    const entries = await readdir(logs, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.path, entry.name));
    const found: string[] = [];
    for (const file of [this.host.logFile, ...files]) {
      for (const line of (await readFile(file, 'utf8').catch(() => '')).split('\n')) {
        if (this.secretsIn(line)) found.push(`${path.basename(file)}: ${line.slice(0, 500)}`);
      }
    }
    return found;
  }

  private async heard(url: string, answer: Promise<Answer>): Promise<Answer> {
    const { status, text, headers } = await answer;
    if (this.secretsIn(`${text} ${JSON.stringify(headers)}`))
      this.leaks.push(`${status} ${url}: ${text?.slice(0, 500)}`);
    return answer;
  }

  // ---- HTTP -----------------------------------------------------------------------------------------------------

  get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.heard(url, answered(request(this.host.url).get(url).set(headers)));
  }

  post(url: string, body: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.heard(url, answered(request(this.host.url).post(url).set(headers), body));
  }

  /** An administrator's action in the main application. */
  async act(
    action: string,
    query: Query = {},
    body: object = {},
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const url = `/api/applications:${action}?${new URLSearchParams(query).toString()}`;
    return this.post(url, body, { ...(await this.bearer('main')), ...headers });
  }

  async create(values: object): Promise<Answer> {
    return this.act('create', { wait: 'true' }, values);
  }

  async show(name: string): Promise<Answer> {
    return this.get(`/api/applications:get?filterByTk=${encodeURIComponent(name)}`, await this.bearer('main'));
  }

  /** Signs in to an application as its administrator, once. */
  async token(app: string): Promise<string> {
    const known = this.tokens.get(app);
    if (known) return known;
    const { email, password } = this.host.credentials;
    const answer = await this.signIn(app, email, password);
    expect(answer.status).toBe(200);
    const { token } = answer.body.data as { token: string };
    this.tokens.set(app, token);
    return token;
  }

  signIn(app: string, account: string, password: string): Promise<Answer> {
    const headers = { 'X-Authenticator': 'basic', 'X-App': app };
    return this.post('/api/auth:signIn', { account, password }, headers);
  }

  async bearer(app: string): Promise<Record<string, string>> {
    return { Authorization: `Bearer ${await this.token(app)}` };
  }

  // ---- what lies behind -----------------------------------------------------------------------------------------

  /** A statement on the main application's database, or on another of the same server. */
  async sql<Row>(text: string, values: unknown[] = [], database = this.host.database.database): Promise<Row[]> {
    const { host, port, user, password } = this.host.database;
    const client = new Client({ host, port, user, password, database, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text, values)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  async databases(): Promise<string[]> {
    const rows = await this.sql<{ datname: string }>('SELECT datname FROM pg_database ORDER BY 1');
    return rows.map((row) => row.datname);
  }

  /** Connections to an application's database. */
  async connections(database: string): Promise<number> {
    const rows = await this.sql<{ n: number }>('SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1', [
      database,
    ]);
    return rows[0]?.n ?? 0;
  }

  /** Every path below the storage folder. */
  async files(): Promise<string[]> {
    const found = await readdir(this.host.storageDir, { recursive: true });
    return found.sort();
  }

  async log(app = 'main'): Promise<string> {
    const folder = path.join(this.host.storageDir, 'logs', app);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const names = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.path, entry.name));
    const texts = await Promise.all(names.map((name) => readFile(name, 'utf8')));
    return texts.join('\n');
  }

  /** How often an application has come up since the process started, as its own log tells. */
  async until(what: string, check: () => Promise<boolean>, ms = 60_000): Promise<void> {
    const end = Date.now() + ms;
    while (!(await check())) {
      if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

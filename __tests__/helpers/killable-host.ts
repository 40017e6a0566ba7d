import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PLANTED, TestHost, type Answer } from './test-host';

const HOOK = path.resolve(__dirname, 'kill-point.cjs');

/** A statement before or after which the process is killed. */
export interface KillPoint {
  when: 'before' | 'after';
  /** A regular expression, as text. */
  sql: string;
  /** What the values that are bound to it contain. */
  values?: string;
}

export const before = (sql: string, values?: string): KillPoint => ({ when: 'before', sql, values });
export const after = (sql: string, values?: string): KillPoint => ({ when: 'after', sql, values });

/** The role of one application. The role that owns the objects of templates has another ending. */
export const ROLE = '"?as_\\d+_[0-9a-f]{16}"?';

/** A real NocoBase that is killed at chosen statements, and what its applications leave outside of themselves. */
export class KillableHost {
  private counted = 0;
  private readonly run = randomBytes(3).toString('hex');

  private constructor(
    readonly host: TestHost,
    private readonly folder: string,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<KillableHost> {
    const folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-kill-'));
    const env = { NODE_OPTIONS: `--require "${HOOK}"`, KILL_POINT: path.join(folder, 'point.json') };
    try {
      return new KillableHost(await TestHost.start({ env: { ...env, ...settings } }), folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.host.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  newName(): string {
    this.counted += 1;
    return `k${this.counted}-${this.run}`;
  }

  /** Asks for something, and the process dies of it; another one is up afterwards. */
  async dyingOf(point: KillPoint, ask: () => Promise<unknown>): Promise<void> {
    const ended = this.host.host.untilEnded();
    await writeFile(path.join(this.folder, 'point.json'), JSON.stringify(point));
    const asked = ask().catch(() => undefined);
    const late = AbortSignal.timeout(60_000);
    const never = new Promise<never>((_resolve, reject) => {
      late.addEventListener('abort', () => reject(new Error(`nothing matched ${point.sql}`)), { once: true });
    });
    await Promise.race([ended, never]);
    await asked;
    await this.host.host.restart();
  }

  create(name: string): Promise<Answer> {
    const admin = { username: 'somebody', email: 's@example.test', password: PLANTED };
    return this.host.act('create', {}, { name, admin });
  }

  async remove(name: string): Promise<void> {
    const removed = await this.host.act('destroy', { filterByTk: name, dropDatabase: 'true', purge: 'true' });
    expect([name, removed.status]).toEqual([name, 200]);
  }

  async state(name: string): Promise<string | undefined> {
    return (await this.host.show(name)).body.data?.state as string | undefined;
  }

  /** Waits until it has been created. */
  async created(name: string): Promise<void> {
    const ready = async () => ['running', 'asleep'].includes((await this.state(name)) ?? '');
    await this.host.until('it is created', ready, 120_000);
  }

  async rows(): Promise<string[]> {
    const rows = await this.host.sql<{ name: string }>('SELECT name FROM applications ORDER BY 1');
    return rows.map(({ name }) => name);
  }

  async roles(): Promise<string[]> {
    const text = `SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`;
    return (await this.host.sql<{ name: string }>(text)).map(({ name }) => name);
  }

  /** Everything that an application may leave outside of itself; what its installation uploads may be a template's. */
  async traces() {
    const isOfApplication = (file: string) => /^(uploads\/)?apps\/./.test(file) && !file.startsWith('apps/main');
    return {
      rows: await this.rows(),
      databases: (await this.host.databases()).filter((name) => !name.startsWith('app_supervisor_template_')),
      roles: await this.roles(),
      files: (await this.host.files()).filter(isOfApplication),
    };
  }
}

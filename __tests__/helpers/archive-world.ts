import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import request from 'supertest';
import type { ArchiveManifest } from '../../src/archive-manifest';
import { BLOCK, encodeHeader, END_BLOCKS, padding } from '../../server/archives/tar';
import type { KnownServer } from './database-servers';
import { InProcessApp, OURS, SMALL } from './in-process-app';

export const USERS = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'file-manager', 'system-settings'],
];
export const PLANTED = 'Planted-4712';
export const GREETING = 'a file of the source\n';

export interface Job {
  outcome: string;
  archive: string;
  step: string;
  warnings: string[];
  error: { code: string } | null;
}

export interface Entry {
  name: string;
  content: Buffer;
  /** Changes the header after it was made. */
  spoil?: (header: Buffer) => void;
}

export const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

export function tar(entries: Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, content, spoil }) => {
    const header = encodeHeader({ name, size: content.length }, 0);
    spoil?.(header);
    return [header, content, Buffer.alloc(padding(content.length))];
  });
  return Buffer.concat([...blocks, END_BLOCKS]);
}

/** A header says what it likes, and its checksum is right. */
export function resum(header: Buffer): void {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

export function untar(archive: Buffer): { name: string; content: Buffer }[] {
  const entries = [];
  for (let at = 0; archive[at] !== 0;) {
    const name = archive.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8);
    entries.push({ name, content: archive.subarray(at + BLOCK, at + BLOCK + size) });
    at += BLOCK + size + padding(size);
  }
  return entries;
}

/** A NocoBase with an application that has users, data and a file, and a sibling of it. */
export class ArchiveWorld {
  /** The archive of the source; of a test's own making. */
  archive = '';
  readonly source: string;
  readonly sibling: string;
  /** Everything that the API answered. */
  readonly said: string[] = [];

  private constructor(readonly app: InProcessApp) {
    this.source = app.name('source');
    this.sibling = app.name('sibling');
  }

  /** @param server the main application's, instead of the PostgreSQL that is looked for */
  static async start(server?: KnownServer): Promise<ArchiveWorld> {
    const app = await InProcessApp.start({ plugins: [...new Set([...SMALL, ...USERS]), OURS], server });
    const world = new ArchiveWorld(app);
    try {
      await world.furnish();
      return world;
    } catch (error) {
      await app.end().catch(() => undefined);
      throw error;
    }
  }

  private async furnish(): Promise<void> {
    const { source, sibling } = this;
    for (const name of [source, sibling]) {
      const admin = { username: 'somebody', password: PLANTED };
      expect((await this.post('create', { ...this.values(name), admin }, '?wait=true')).status).toBe(200);
    }
    const instance = await this.app.supervisor.getApp(source);
    const { token } = await this.signIn(source);
    const uploaded = await request(await this.app.listen())
      .post('/api/attachments:create')
      .set({ 'X-App': source, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` })
      .attach('file', Buffer.from(GREETING), 'greeting.txt');
    expect(uploaded.status).toBe(200);
    await instance.db.sequelize.query('CREATE TABLE notes (id int PRIMARY KEY, note text)');
    const numbers = Array.from({ length: 500 }, (_, index) => index + 1);
    const rows = numbers.map((number) => `(${number}, 'note ${number}')`).join(', ');
    await instance.db.sequelize.query(`INSERT INTO notes VALUES ${rows}`);
    // A file of somebody else, in the same folder.
    writeFileSync(path.join(this.uploads(), 'of-a-sibling.txt'), 'not yours');
  }

  readonly folder = () => path.join(this.app.storage, 'apps', 'main', 'exports');
  readonly uploads = () => path.join(this.app.storage, 'uploads');
  readonly post = async (action: string, body: object, query = '') => {
    const answer = await this.app.post(`/api/applications:${action}${query}`, body);
    this.said.push(JSON.stringify(answer.body), JSON.stringify(answer.headers));
    return answer;
  };
  readonly data = <T>(answer: { body: unknown }) => (answer.body as { data: T }).data;
  readonly outcome = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  readonly visit = async (name: string) => (await this.app.get('/api/pm:listEnabled', { 'X-App': name })).status;
  readonly signIn = async (name: string, password = PLANTED) => {
    const headers = { 'X-App': name, 'X-Authenticator': 'basic' };
    const answer = await this.app.post('/api/auth:signIn', { account: 'somebody', password }, headers);
    return { status: answer.status, token: this.data<{ token?: string } | undefined>(answer)?.token ?? '' };
  };
  readonly values = (name: string) => ({ name, options: { plugins: USERS } });
  readonly importing = (name: string, more: object = {}) =>
    this.post('import', { archive: this.archive, ...this.values(name), ...more }, '?wait=true');
  /** An export by a program that takes longer than it may. */
  readonly exportsTooLate = async () => {
    const { config } = this.app.service;
    const { archiveTimeoutMs } = config;
    config.archiveTimeoutMs = 300;
    const answer = await this.post('export', {}, `?filterByTk=${this.source}&wait=true`);
    config.archiveTimeoutMs = archiveTimeoutMs;
    expect(this.outcome(answer)).toEqual([503, 'APP_DUMP_TIMEOUT']);
  };
  readonly work = () =>
    existsSync(path.join(this.folder(), '.work')) ? readdirSync(path.join(this.folder(), '.work')) : [];
  readonly allUploads = () => (readdirSync(this.uploads(), { recursive: true }) as string[]).sort();
  /** All that a refused import could have left. */
  readonly traces = async () => ({
    rows: await this.app.sql('SELECT name FROM applications ORDER BY 1'),
    databases: await this.app.databases(),
    uploads: this.allUploads(),
    work: this.work(),
    keys: readdirSync(path.join(this.app.storage, 'apps')).sort(),
  });
  readonly tables = (database?: string) =>
    this.app.sql(
      `SELECT relname, n_tup_ins - n_tup_del AS rows FROM pg_stat_user_tables WHERE relname <> 'applicationEvents' ORDER BY 1`,
      [],
      database,
    );
  readonly put = (content: Buffer, name = 'hostile.tar') => {
    writeFileSync(path.join(this.folder(), name), content);
    return name;
  };
  readonly entries = () => untar(readFileSync(path.join(this.folder(), this.archive)));
  /** The good archive, with its manifest or its parts changed. */
  readonly changed = (change: (manifest: ArchiveManifest) => void, spoil?: (list: Entry[]) => Entry[]) => {
    const [first, ...parts] = this.entries();
    const manifest = JSON.parse(first?.content.toString() ?? '') as ArchiveManifest;
    change(manifest);
    const list: Entry[] = [{ name: 'manifest.json', content: Buffer.from(JSON.stringify(manifest)) }, ...parts];
    return tar(spoil ? spoil(list) : list);
  };
}

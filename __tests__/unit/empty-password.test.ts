import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type Database from '@nocobase/database';
import { Sequelize } from 'sequelize';
import type { Place } from '../../server/databases/place';
import { withClient } from '../../server/databases/postgres-connection';
import { postgresDump } from '../../server/databases/postgres-dump';
import { sendEmptyPassword } from '../../server/nocobase/empty-password';

const PLANTED = 'Planted-4712';

/** The request for a password in clear text, as PostgreSQL sends it. */
const WANTS_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

/** A server of a stranger: it wants the password in clear text, and remembers everything that it is sent. */
class CuriousServer {
  readonly heard: Buffer[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((socket) => this.receive(socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return (this.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise((done) => this.server.close(() => done()));
  }

  /** Whether a password came, and what it was. */
  get passwords(): string[] {
    return this.heard
      .filter((message) => message[0] === 0x70)
      .map((message) => message.subarray(5, message.indexOf(0, 5)).toString());
  }

  private receive(socket: Socket): void {
    let asked = false;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.heard.push(chunk);
      if (!asked && chunk.length > 8) {
        asked = true;
        socket.write(WANTS_PASSWORD);
      } else if (chunk[0] === 0x70) socket.destroy();
    });
  }
}

describe('a connection without a password', () => {
  let folder: string;
  let server: CuriousServer;
  let port: number;
  const before = { ...process.env };

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'empty-password-'));
    writeFileSync(path.join(folder, '.pgpass'), `*:*:*:*:${PLANTED}\n`, { mode: 0o600 });
    server = new CuriousServer();
    port = await server.listen();
    Object.assign(process.env, { PGPASSWORD: PLANTED, PGPASSFILE: path.join(folder, '.pgpass'), HOME: folder });
  });

  afterEach(async () => {
    for (const key of ['PGPASSWORD', 'PGPASSFILE', 'HOME']) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const nothingPlanted = () => expect(Buffer.concat(server.heard).toString('latin1')).not.toContain(PLANTED);

  it('sends an empty one where we ask a server ourselves', async () => {
    const address = { host: '127.0.0.1', port, username: 'nb', password: '', database: 'crm', ssl: false };
    await expect(withClient(address, 'crm', () => Promise.resolve())).rejects.toMatchObject({ name: 'AppError' });
    expect(server.passwords).toEqual(['']);
    nothingPlanted();
  });

  it.each([undefined, PLANTED])(
    'sends an empty one where an instance connects, whatever PGPASSWORD: %s',
    async (env) => {
      if (env === undefined) delete process.env.PGPASSWORD;
      const options = { dialect: 'postgres' as const, host: '127.0.0.1', port, username: 'nb', password: '' };
      const sequelize = new Sequelize({ ...options, database: 'crm', logging: false, dialectOptions: { ssl: false } });
      sendEmptyPassword({ options, sequelize } as unknown as Database);
      await expect(sequelize.authenticate({ retry: { max: 1 } })).rejects.toThrow();
      await sequelize.close();
      expect(server.passwords).toEqual(['']);
      nothingPlanted();
    },
  );

  it('is what the programs of PostgreSQL have, too', async () => {
    const inside = { host: '127.0.0.1', port, username: 'nb', password: '', database: 'crm', ssl: false };
    const place = { inside, database: 'crm', layout: { schema: 'public' } } as unknown as Place;
    const run = { timeoutMs: 20_000, folder };
    await expect(postgresDump.dump(place, new PassThrough(), run)).rejects.toMatchObject({ name: 'AppError' });
    expect(server.heard.length).toBeGreaterThan(0);
    nothingPlanted();
  });

  it("goes on to the main application's own server as NocoBase connects there", async () => {
    const address = { host: '127.0.0.1', port, username: 'nb', database: 'nocobase', ssl: false };
    await expect(withClient(address, 'nocobase', () => Promise.resolve())).rejects.toMatchObject({ name: 'AppError' });
    expect(server.passwords).toEqual([PLANTED]);
  });
});

import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface EnvironmentModule {
  socketPath(dataDirectory: string): string;
}

describe('the sockets of a host', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'host-sockets-'));
  const long = path.join(folder, 'x'.repeat(100));
  const made: string[] = [];
  let socketPath: EnvironmentModule['socketPath'];

  beforeAll(async () => {
    ({ socketPath } = (await importHost('nocobase-environment.mjs')) as EnvironmentModule);
    mkdirSync(long);
  });
  afterAll(() => {
    for (const one of [folder, ...made]) rmSync(one, { recursive: true, force: true });
  });

  const folderOf = (data: string) => {
    const found = path.dirname(socketPath(data));
    made.push(found);
    return found;
  };

  it('lie in the data directory', () => {
    expect(socketPath(folder)).toBe(path.join(folder, 'gateway.sock'));
  });

  it('lie in a private folder with a random name, if the path of the data directory is too long', () => {
    const first = folderOf(long);
    expect(Buffer.byteLength(path.join(first, 'app-supervisor.sock'))).toBeLessThanOrEqual(103);
    expect(lstatSync(first).mode & 0o777).toBe(0o700);
    // The command finds the same one.
    expect(folderOf(long)).toBe(first);
    expect(readFileSync(path.join(long, 'socket-folder'), 'utf8')).toBe(first);
    const other = path.join(folder, 'y'.repeat(100));
    mkdirSync(other);
    expect(folderOf(other)).not.toBe(first);
  });

  it('lie in a new folder, if the known one is gone or open to others', () => {
    const gone = folderOf(long);
    rmSync(gone, { recursive: true });
    const second = folderOf(long);
    expect([second === gone, existsSync(second)]).toEqual([false, true]);
    chmodSync(second, 0o770);
    expect(folderOf(long)).not.toBe(second);
  });
});

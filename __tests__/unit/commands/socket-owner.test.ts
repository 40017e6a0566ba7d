import fs, {
  chmodSync,
  lstatSync,
  mkdtempSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { assertSocketOwner } from '../../../server/commands/socket-owner';

describe('the socket of the command line', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'socket-owner-'));
  const socket = path.join(folder, 'app-supervisor.sock');
  const storage = path.join(folder, 'storage');
  writeFileSync(socket, '');
  const owner = statSync(socket).uid;
  const other = owner + 1;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is used if it belongs to the caller', () => {
    expect(() => assertSocketOwner(socket, { STORAGE_PATH: storage }, owner)).not.toThrow();
  });

  it('is refused if it belongs to another user, with both in the message', () => {
    let thrown: unknown;
    try {
      assertSocketOwner(socket, { STORAGE_PATH: storage }, other);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'SOCKET_OWNER', exit: 5, params: { socket, owner, storage } });
  });

  it('is used if it belongs to the owner of the storage folder', () => {
    mkdirSync(storage);
    expect(() => assertSocketOwner(socket, { STORAGE_PATH: storage }, other)).not.toThrow();
    rmSync(storage, { recursive: true });
    expect(() => assertSocketOwner(socket, { STORAGE_PATH: storage }, other)).toThrow();
  });

  it('is left to the connection if there is none, or none can be seen', () => {
    for (const missing of [path.join(folder, 'none.sock'), path.join(socket, 'below')]) {
      expect(() => assertSocketOwner(missing, { STORAGE_PATH: storage }, other)).not.toThrow();
    }
  });

  it('is refused if another user made a link to a socket of the caller', () => {
    const link = path.join(folder, 'link.sock');
    symlinkSync(socket, link);
    expect(() => assertSocketOwner(link, { STORAGE_PATH: storage }, owner)).not.toThrow();
    const lstat = jest.spyOn(fs, 'lstatSync').mockReturnValue({ ...lstatSync(link), uid: other });
    expect(() => assertSocketOwner(link, { STORAGE_PATH: storage }, owner)).toThrow();
    lstat.mockRestore();
  });

  it('is refused if a link of the caller leads to a file of another user', () => {
    const link = path.join(folder, 'foreign.sock');
    symlinkSync('/dev/null', link);
    const root = statSync('/dev/null').uid;
    const lstat = jest.spyOn(fs, 'lstatSync').mockReturnValue({ ...lstatSync(link), uid: root + 1 });
    expect(() => assertSocketOwner(link, { STORAGE_PATH: storage }, root + 1)).toThrow();
    lstat.mockRestore();
  });

  it('is refused in a folder in which every user may replace it', () => {
    chmodSync(folder, 0o777);
    expect(() => assertSocketOwner(socket, { STORAGE_PATH: storage }, owner)).toThrow(/open to all|may replace/);
    chmodSync(folder, 0o1777);
    expect(() => assertSocketOwner(socket, { STORAGE_PATH: storage }, owner)).not.toThrow();
    chmodSync(folder, 0o700);
  });

  it('is not compared on systems without user IDs', () => {
    const geteuid = jest.spyOn(process, 'geteuid').mockReturnValue(undefined as never);
    expect(() => assertSocketOwner(socket, { STORAGE_PATH: storage })).not.toThrow();
    geteuid.mockRestore();
  });
});

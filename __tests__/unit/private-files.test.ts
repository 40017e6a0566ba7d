import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

describe('private files', () => {
  const storage = mkdtempSync(path.join(tmpdir(), 'private-files-'));
  const outside = mkdtempSync(path.join(tmpdir(), 'private-files-'));
  const before = process.env.STORAGE_PATH;
  let tightenPrivateFiles: (name?: string) => Promise<void>;

  const put = (file: string, mode: number) => {
    mkdirSync(path.dirname(path.join(storage, file)), { recursive: true });
    writeFileSync(path.join(storage, file), 'x');
    chmodSync(path.join(storage, file), mode);
  };
  const modeOf = (file: string) => (statSync(path.join(storage, file)).mode & 0o777).toString(8);

  beforeAll(async () => {
    process.env.STORAGE_PATH = storage;
    ({ tightenPrivateFiles } = await import('../../server/files/private-files'));
  });
  afterAll(() => {
    if (before === undefined) delete process.env.STORAGE_PATH;
    else process.env.STORAGE_PATH = before;
    rmSync(storage, { recursive: true });
    rmSync(outside, { recursive: true });
  });

  it('lose the rights of other users, and gain none', async () => {
    const expected: [file: string, mode: number, after: string][] = [
      ['apps/main/aes_key.dat', 0o644, '600'],
      ['apps/main/jwt_secret.dat', 0o666, '600'],
      ['apps/crm/aes_key.dat', 0o400, '400'],
      ['environment-variables/crm/aes_key.dat', 0o664, '600'],
      ['logs/crm/system.log', 0o666, '640'],
      ['logs/main/sql.log', 0o600, '600'],
      ['backups/crm/backup.nbdata', 0o644, '640'],
      ['uploads/x.png', 0o644, '644'],
      ['plugins/x/package.json', 0o644, '644'],
    ];
    for (const [file, mode] of expected) put(file, mode);
    writeFileSync(path.join(outside, 'x'), 'x');
    chmodSync(path.join(outside, 'x'), 0o644);
    symlinkSync(outside, path.join(storage, 'logs', 'link'));
    symlinkSync(path.join(outside, 'x'), path.join(storage, 'logs', 'x.log'));
    await tightenPrivateFiles('crm');
    expect([modeOf('logs/crm/system.log'), modeOf('apps/main/aes_key.dat')]).toEqual(['640', '644']);
    await tightenPrivateFiles();
    expect(expected.map(([file]) => modeOf(file))).toEqual(expected.map(([, , after]) => after));
    expect(['apps', 'apps/main', 'logs', 'backups/crm', 'uploads'].map(modeOf)).toEqual([
      ...['700', '700', '750', '750'],
      modeOf('uploads'),
    ]);
    expect((statSync(path.join(outside, 'x')).mode & 0o777).toString(8)).toBe('644');
  });

  it('are no fault where the folders do not exist', async () => {
    await expect(tightenPrivateFiles('nobody')).resolves.toBeUndefined();
  });
});

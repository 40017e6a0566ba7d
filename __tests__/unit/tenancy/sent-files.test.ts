import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { AppError } from '../../../src/errors';
import { assertSendable, maySend } from '../../../server/tenancy/sent-files';

const folders = { storage: '/srv/storage', uploads: '/srv/storage/uploads/apps/crm-1f', modules: '/srv/node_modules' };

describe('sent files: which files an action of an application may answer with', () => {
  it.each([
    '/srv/storage/uploads/apps/crm-1f/a.png',
    '/srv/storage/uploads/apps/crm-1f/2026/a.png',
    '/srv/storage/backups/crm/b.nbdata',
    '/srv/storage/logs/crm/system.log',
    '/srv/storage/tmp/export-1764441000000-k3j2h1.xlsx',
    '/srv/node_modules/@nocobase/plugin-x/dist/template.xlsx',
  ])('sends %s', (file) => expect(maySend(file, 'crm', folders)).toBe(true));

  it.each([
    '/srv/storage/apps/main/jwt_secret.dat',
    '/srv/storage/apps/crm/aes_key.dat',
    '/srv/storage/backups/other/b.nbdata',
    '/srv/storage/backups/backup.nbdump',
    '/srv/storage/backups/crm',
    '/srv/storage/backups/crm2/b.nbdata',
    '/srv/storage/logs/main/system.log',
    '/srv/storage/uploads/../apps/main/jwt_secret.dat',
    '/srv/storage/backups/crm/../other/b.nbdata',
    '/srv/storage/tmp/backups/other/data',
    '/srv/storage/tmp/passwords',
    '/srv/storage/tmp/sub/export-1764441000000-k3j2h1.xlsx',
    '/srv/storage/.license/license-key',
    '/srv/storage/uploads',
    '/srv/storage/uploads/a.png',
    '/srv/storage/uploads/apps/crm-1f',
    '/srv/storage/uploads/apps/crm-1f2/a.png',
    '/srv/storage/uploads/apps/erp-2e/a.png',
    '/srv/storage/uploads/apps/crm-1f/../erp-2e/a.png',
    '/srv/.env',
    '/etc/passwd',
    '/proc/self/environ',
    'package.json',
    Buffer.from('/srv/storage/uploads/a'),
    undefined,
    7,
  ])('does not send %p', (file) => expect(maySend(file, 'crm', folders)).toBe(false));

  it('sends no upload of an application that has no folder yet', () => {
    expect(maySend('/srv/storage/uploads/apps/crm-1f/a.png', 'crm', { storage: '/srv/storage' })).toBe(false);
  });
});

describe('sent files: links', () => {
  it('are followed before the path decides', () => {
    const storage = mkdtempSync(path.join(tmpdir(), 'sent-files-'));
    const before = process.env.STORAGE_PATH;
    process.env.STORAGE_PATH = storage;
    try {
      const own = path.join(storage, 'uploads', 'apps', 'crm-1f');
      mkdirSync(own, { recursive: true });
      mkdirSync(path.join(storage, 'apps', 'main'), { recursive: true });
      writeFileSync(path.join(storage, 'apps', 'main', 'aes_key.dat'), 'key');
      writeFileSync(path.join(own, 'a.txt'), 'a');
      symlinkSync(path.join(storage, 'apps', 'main'), path.join(own, 'door'));
      const send = (...below: string[]) =>
        assertSendable({ name: 'crm' } as Application, () => 'apps/crm-1f', path.join(own, ...below), 'x:y');
      expect(() => send('a.txt')).not.toThrow();
      expect(() => send('door', 'aes_key.dat')).toThrow(AppError);
      expect(() => send('door', 'none', 'aes_key.dat')).toThrow(AppError);
    } finally {
      if (before === undefined) delete process.env.STORAGE_PATH;
      else process.env.STORAGE_PATH = before;
      rmSync(storage, { recursive: true, force: true });
    }
  });
});

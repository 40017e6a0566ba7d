import { maySend } from '../../../server/tenancy/sent-files';

const folders = { storage: '/srv/storage', modules: '/srv/node_modules' };

describe('sent files: which files an action of an application may answer with', () => {
  it.each([
    '/srv/storage/uploads/crm/a.png',
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
    '/srv/.env',
    '/etc/passwd',
    '/proc/self/environ',
    'package.json',
    Buffer.from('/srv/storage/uploads/a'),
    undefined,
    7,
  ])('does not send %p', (file) => expect(maySend(file, 'crm', folders)).toBe(false));
});

import { ownUploads } from '../../server/lifecycle/upload-folders';
import type { AppRecord } from '../../src/app-record';
import { open, visit } from './helpers/front-door-world';

describe('request pipeline: paths', () => {
  const key = 'apps/main/jwt_secret.dat';
  const traversals = [
    `/storage/uploads/../${key}`,
    `/storage/uploads/..%2f${key}`,
    '/api/x/%2e%2e',
    '/x\\..\\y',
    '/%ff',
  ];

  it.each(traversals)('refuses %s for every application and in every phase, before anything else reads it', (url) => {
    const headers = [{}, { 'x-app': 'crm' }, { 'x-app': 'nope' }, { host: 'crm.localhost' }];
    for (const phase of ['active', 'starting'] as const) {
      for (const given of headers) {
        const opened = open(phase);
        const { res } = visit(opened, { url, headers: given });
        expect([res.statusCode, res.json.error.code]).toEqual([400, 'APP_REQUEST_INVALID']);
        expect(opened.service.runner).not.toHaveBeenCalled();
      }
    }
  });

  it.each(['/api/x:get/a%2fb', '/api/x?filter=%7B%7D&y=../..', '/storage/uploads/100%25.png', '/a..b'])(
    'lets %s of the main application pass without a promise, or to NocoBase',
    async (url) => {
      const { outcome, res } = visit(open(), { url });
      expect(await outcome).toBe(false);
      expect(res.headersSent).toBe(false);
    },
  );

  const mainsOnly = [
    '/storage/apps/main/aes_key.dat',
    '/storage/logs/main/x.log',
    '/storage/',
    '/storage/backups/crm/x',
  ];
  const record = { name: 'erp', options: {}, provisioning: { ownershipToken: 'token of erp' } };
  const foreign = [`/storage/uploads/${ownUploads(record as unknown as AppRecord)}/x.png`, ...mainsOnly];

  it.each(foreign)('serves nothing at %s to the main application', async (url) => {
    const { outcome, res } = visit(open(), { url });
    expect([await outcome, res.statusCode, res.json.error.code]).toEqual([true, 404, 'APP_FILE_NOT_FOUND']);
  });

  it.each([...foreign, ...foreign.map((url) => `/nb${url}`)])(
    'serves nothing at %s to an application, and does not wake it',
    async (url) => {
      const opened = open('active', url.startsWith('/nb') ? { APP_PUBLIC_PATH: '/nb/' } : {});
      const { outcome, res } = visit(opened, { url, headers: { 'x-app': 'crm' } });
      expect([await outcome, res.statusCode, res.json.error.code]).toEqual([true, 404, 'APP_FILE_NOT_FOUND']);
      expect(opened.crm.wakes).toBe(0);
    },
  );

  it('leaves the main application the files of folders that belong to no registered application', async () => {
    const { outcome } = visit(open(), { url: '/storage/uploads/apps/gone-0123456789abcdef/x.png' });
    expect(await outcome).toBe(false);
  });

  it('wakes an application for its own uploads, and leaves the answer to NocoBase', async () => {
    const opened = open();
    const own = ownUploads(opened.service.record('crm'));
    const { outcome, res } = visit(opened, { url: `/storage/uploads/${own}/x.png`, headers: { 'x-app': 'crm' } });
    opened.crm.up();
    expect([await outcome, res.headersSent]).toEqual([false, false]);
    expect(opened.crm.wakes).toBe(1);
    res.close();
  });
});

import fc from 'fast-check';
import { segmentsOf, storageAccess, uploadOwner } from '../../../src/policies/upload-owner';

const OWN = 'apps/crm-0123456789abcdef';
const OTHER = 'apps/erp-fedcba9876543210';

describe('storage access', () => {
  it.each([
    `uploads/${OWN}/logo.png`,
    `uploads/${OWN}/a/b/100%25.png`,
    `uploads//${OWN}/./logo.png`,
    `uploads/%61pps/crm-0123456789abcdef/logo.png`,
    `uploads/apps%2fcrm-0123456789abcdef/logo.png`,
  ])('passes an upload of the application itself: %s', (path) => {
    expect(storageAccess(path, OWN)).toEqual({ kind: 'pass' });
    expect(storageAccess(path, undefined)).toEqual({ kind: 'app', folder: 'crm-0123456789abcdef' });
    expect(storageAccess(path, OTHER)).toEqual({ kind: 'none' });
  });

  it.each([
    `uploads/${OTHER}/x.png`,
    `uploads/${OTHER}`,
    `uploads/%61%70%70%73/erp-fedcba9876543210/x.png`,
    `uploads/apps%2Ferp-fedcba9876543210%2Fx.png`,
    `uploads/apps%5Cerp-fedcba9876543210%5Cx.png`,
    `uploads/APPS/erp-FEDCBA9876543210/x.png`,
    `uploads/apps/CRM-0123456789abcdef/x.png`,
    `uploads/.//apps/./erp-fedcba9876543210/x.png`,
    'uploads',
    'UPLOADS/x',
    'apps/main/jwt_secret.dat',
    'apps/main/aes_key.dat',
    'apps/main/app_supervisor_key.dat',
    'logs/main/system_2026-11-29.log',
    'backups/crm/backup.nbdata',
    'tmp/x',
    'plugins/x/package.json',
    'dist-client/index.html',
    '.upgrading',
    '%75ploads/x.png',
    '',
  ])('refuses everything else to application and main: %s', (path) => {
    expect(storageAccess(path, OWN)).toEqual({ kind: 'none' });
    expect(['none', 'app']).toContain(storageAccess(path, undefined).kind);
  });

  it.each(['uploads/logo.png', 'uploads/2024/a%20b.png', 'uploads/apps', 'uploads/apps/logo.png', 'uploads/apps/x/y'])(
    "leaves the main application its own uploads, and looks into the application's own folder instead: %s",
    (path) => {
      expect(storageAccess(path, undefined)).toEqual({ kind: 'pass' });
      const own = decodeURIComponent(path.slice('uploads/'.length));
      expect(storageAccess(path, OWN)).toEqual({ kind: 'own', path: `${OWN}/shared/${own}` });
    },
  );

  it('passes a path to one owner at most, however it is written', () => {
    const segment = fc.constantFrom(
      'apps',
      'APPS',
      'crm-0123456789abcdef',
      'erp-fedcba9876543210',
      'x',
      '.',
      '',
      '%2e',
    );
    const joint = fc.constantFrom('/', '//', '%2f', '%5C', '/./');
    const paths = fc.array(fc.tuple(segment, joint), { maxLength: 6 });
    fc.assert(
      fc.property(paths, (parts) => {
        const path = `uploads/${parts.map(([name, slash]) => name + slash).join('')}x.png`;
        const passed = [OWN, OTHER, undefined].filter((own) => storageAccess(path, own).kind === 'pass');
        expect(passed.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

it('upload owner: knows folders of applications, whether they are registered or not', () => {
  expect(uploadOwner(segmentsOf(`${OWN}/a`))).toEqual({ kind: 'app', folder: 'crm-0123456789abcdef' });
  expect(uploadOwner(segmentsOf('x/apps/crm-0123456789abcdef'))).toEqual({ kind: 'main' });
});

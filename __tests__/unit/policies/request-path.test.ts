import fc from 'fast-check';
import { isAllowedTarget } from '../../../src/policies/request-path';

const allowed = (target: string) => isAllowedTarget(target, '/api/');

const REFUSED = [
  '/storage/uploads/../apps/main/app_supervisor_key.dat',
  '/storage/uploads/%2e%2e/apps/main/aes_key.dat',
  '/storage/uploads/%2E%2E/apps/main/aes_key.dat',
  '/storage/uploads/.%2e/apps/main/aes_key.dat',
  '/storage/uploads/%2e./apps/main/aes_key.dat',
  '/storage/uploads/..%2fapps/main/jwt_secret.dat',
  '/storage/uploads/..%2Fapps/main/jwt_secret.dat',
  '/storage/uploads/x/../../apps/main/jwt_secret.dat',
  '/storage/uploads/x%2f..%2f..%2fapps/main/jwt_secret.dat',
  '/storage/uploads/..\\apps\\main\\jwt_secret.dat',
  '/storage/uploads/..%5capps%5cmain%5cjwt_secret.dat',
  '/storage/uploads/%2e%2e%5Capps/main/jwt_secret.dat',
  '/storage\\uploads\\..\\apps\\main\\jwt_secret.dat',
  '/storage/uploads/..',
  '/..',
  '/../',
  '/../storage/uploads/x',
  '/files/crm/main/attachments/..%2f1',
  '/files/../crm/main/attachments/1',
  '/nocobase/storage/uploads/../apps/main/aes_key.dat',
  '/apps/crm/../../storage/uploads/../apps',
  '/dist/../apps/main/aes_key.dat',
  '/static/plugins/x/dist/client/../server/index.js',
  '/api/__app/crm/../../storage/uploads/../x',
  '/api/users:list/..',
  '/api/users:get/%2e%2e',
  '/api/users:get/a%5c..%5cb',
  '/apiary/..%2fx',
  'http://127.0.0.1/storage/uploads/../apps/main/aes_key.dat',
  'HTTP://x/%2e%2e/y',
  '/..?x',
  '/..#x',
  // Not to be decoded.
  '/storage/uploads/100%.txt',
  '/storage/uploads/%',
  '/storage/uploads/%zz',
  '/storage/uploads/%ff',
  '/storage/uploads/%c0%ae%c0%ae/apps/main/aes_key.dat',
  '/storage/uploads/%e0%80%ae%e0%80%ae/x',
  '/api/users:get/%',
  '/api/users:get/%E0%A4%A',
  '/%u002e%u002e/x',
  // No file, no key and no text of a database has a NUL.
  '/storage/uploads/x%00.png',
  '/api/users:get/%00',
];

const ALLOWED = [
  '/',
  '/admin',
  '/api/users:list?filter=%7B%22a%22%3A%22..%2F..%22%7D',
  '/api/users:list?path=/../x',
  '/api/users:list?x=%',
  '/api/users:list#/../x',
  '/api/files:get/a%2fb',
  '/api/files:get/a%2F..%2Fb',
  '/api/files:get/..%2fb',
  '/api/files:get/100%25',
  '/api/files:get/%E5%AE%A2%E6%88%B7',
  '/storage/uploads/100%25.txt',
  '/storage/uploads/a..b.txt',
  '/storage/uploads/...',
  '/storage/uploads/.../x',
  '/storage/uploads/..x',
  '/storage/uploads/x..',
  '/storage/uploads/%252e%252e/x',
  '/storage/uploads/a%2fb.txt',
  '/storage/uploads/a%20b%2Bc.txt?X-Amz-Signature=a%2Fb%2F..%2F',
  '/storage/uploads/./x',
  '/storage/uploads//x',
  '/files/crm/main/attachments/1.png?preview=1',
  '/ws?__appName=crm&x=..%2f',
  '/?../..',
];

describe('request paths', () => {
  it.each(REFUSED)('refuses a path with a `..` segment, or one that cannot be decoded: %s', (target) => {
    expect(allowed(target)).toBe(false);
  });

  it.each(ALLOWED)('leaves a path that goes downwards as it is: %s', (target) => {
    expect(allowed(target)).toBe(true);
  });

  it('refuses exactly the paths of files whose one decoding has a `..` segment', () => {
    const piece = fc.constantFrom('..', '.', '%2e', '%2E', '/', '\\', '%2f', '%5C', 'a', '%25', '%252e', '%61', 'x.y');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.constantFrom('', '?..%', '#/../'), (pieces, rest) => {
        const path = `/storage/uploads/${pieces.join('')}`;
        const dotted = decodeURIComponent(path).split(/[/\\]/).includes('..');
        expect(allowed(path + rest)).toBe(!dotted);
      }),
      { numRuns: 2_000 },
    );
  });

  it('allows every key of the API and every name of a file as clients encode them', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (name) => {
        fc.pre(!name.includes('\0') && !/[\\/]/.test(name) && name !== '..');
        expect(allowed(`/api/things:get/${encodeURIComponent(name)}`)).toBe(true);
        expect(allowed(`/storage/uploads/${encodeURIComponent(name)}`)).toBe(true);
      }),
    );
  });

  it('never throws, whatever the target is', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (target) => typeof allowed(target) === 'boolean'));
  });
});

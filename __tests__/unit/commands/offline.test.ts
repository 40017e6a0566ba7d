import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { databaseTls } from '../../../server/commands/offline';

describe('TLS with the database while no NocoBase runs', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'database-tls-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is spoken as NocoBase speaks it', () => {
    const ca = path.join(folder, 'ca.pem');
    writeFileSync(ca, 'CERTIFICATE');
    const of = (given: Record<string, string>) =>
      databaseTls(
        Object.fromEntries(Object.entries(given).map(([key, value]) => [`DB_DIALECT_OPTIONS_SSL_${key}`, value])),
      );
    expect(of({})).toBeUndefined();
    expect(of({ MODE: 'require' })).toEqual({});
    expect(of({ REJECT_UNAUTHORIZED: 'false' })).toEqual({ rejectUnauthorized: false });
    expect(of({ REJECT_UNAUTHORIZED: 'true', CA: ca, KEY: 'KEY', CERT: 'CERT' })).toEqual({
      ...{ rejectUnauthorized: true, ca: 'CERTIFICATE', key: 'KEY', cert: 'CERT' },
    });
  });
});

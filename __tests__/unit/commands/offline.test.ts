import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { databaseTls, offlineApplications } from '../../../server/commands/offline';

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

it('waits for no statement of MySQL without a deadline', async () => {
  const modules = mkdtempSync(path.join(tmpdir(), 'database-drivers-'));
  try {
    const folder = path.join(modules, 'node_modules', 'mysql2');
    mkdirSync(folder, { recursive: true });
    const seen = path.join(modules, 'seen');
    writeFileSync(
      path.join(folder, 'promise.js'),
      `const tell = (what) => require('fs').appendFileSync(${JSON.stringify(seen)}, JSON.stringify(what) + '\\n');
       exports.createConnection = async () => ({
         query: async (asked) => (tell([typeof asked.sql, asked.timeout]), [[]]),
         destroy: () => tell('destroyed'),
       });`,
    );
    const env = { DB_DIALECT: 'mysql', NODE_MODULES_PATH: path.join(modules, 'node_modules') };
    expect(await offlineApplications(env, false)).toEqual([]);
    const told = readFileSync(seen, 'utf8').trimEnd().split('\n');
    expect(told).toEqual(['["string",5000]', '["string",5000]', '"destroyed"']);
  } finally {
    rmSync(modules, { recursive: true, force: true });
  }
});

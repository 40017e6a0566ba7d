import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formerUploadsOf, setAsideFormerState, stampKeptState } from '../../server/lifecycle/former-state';
import { ownUploads } from '../../server/lifecycle/upload-folders';
import { outsideStateOptions, statePrefix } from '../../server/outside-state';
import type { AppRecord } from '../../src/app-record';

const ROOMS = ['apps', 'logs', 'cache/apps', 'backups', 'environment-variables', 'tmp/backups', 'tmp/documents'];
const record = (provisioning?: AppRecord['provisioning']): AppRecord => ({
  ...{ name: 'crm', startMode: 'lazy', options: {} },
  ...(provisioning && { provisioning }),
});

describe('state of a former application', () => {
  let storage: string;
  const { STORAGE_PATH } = process.env;

  beforeEach(() => {
    storage = mkdtempSync(path.join(tmpdir(), 'former-state-'));
    process.env.STORAGE_PATH = storage;
    for (const room of ROOMS) {
      mkdirSync(path.join(storage, room, 'crm'), { recursive: true });
      writeFileSync(path.join(storage, room, 'crm', 'planted'), room);
      mkdirSync(path.join(storage, room, 'crm-2'), { recursive: true });
    }
  });
  afterEach(() => {
    rmSync(storage, { recursive: true });
    if (STORAGE_PATH === undefined) delete process.env.STORAGE_PATH;
    else process.env.STORAGE_PATH = STORAGE_PATH;
  });

  const database = (contentToken?: string) => ({ contentToken, inSchema: false });
  const left = () => ROOMS.filter((room) => existsSync(path.join(storage, room, 'crm')));

  it.each(ROOMS)('is moved aside and not lost, and that of others stays: %s', async (room) => {
    await setAsideFormerState('crm');
    expect([left(), existsSync(path.join(storage, room, 'crm-2'))]).toEqual([[], true]);
    const [folder = ''] = readdirSync(path.join(storage, room, '.former'));
    expect(folder).toMatch(/^crm-\d+T\d+Z$/);
    expect(readFileSync(path.join(storage, room, '.former', folder, 'planted'), 'utf8')).toBe(room);
  });

  it('stays for the adoption of the data that it belongs to', async () => {
    await stampKeptState(record({ contentToken: 'token', ownershipToken: 'outside' }));
    expect([await setAsideFormerState('crm', database('token')), left()]).toEqual([[], ROOMS]);
  });

  it.each([
    ['another database', 'other'],
    ['a database without a marker', undefined],
  ])('does not stay for the adoption of %s', async (_title, token) => {
    await stampKeptState(record({ contentToken: 'token', ownershipToken: 'outside' }));
    expect([(await setAsideFormerState('crm', database(token))).length, left()]).toEqual([ROOMS.length, []]);
  });

  it('of a schema stays for data with both markers only: every role in the database can read the one inside', async () => {
    const kept = record({ contentToken: 'token', ownershipToken: 'outside' });
    const schema = { contentToken: 'token', inSchema: true };
    await stampKeptState(kept);
    expect(await setAsideFormerState('crm', { ...schema, outsideToken: 'outside' })).toEqual([]);
    for (const outsideToken of ['another', undefined]) {
      for (const room of ROOMS) mkdirSync(path.join(storage, room, 'crm'), { recursive: true });
      expect(await setAsideFormerState('crm', { ...schema, outsideToken })).toHaveLength(ROOMS.length);
    }
    await stampKeptState(record({ contentToken: 'token' }));
    mkdirSync(path.join(storage, 'apps', 'crm'), { recursive: true });
    expect(await setAsideFormerState('crm', { ...schema, outsideToken: 'outside' })).toHaveLength(1);
  });

  it('is told by no note that was cut off, and the data can be adopted all the same', async () => {
    await stampKeptState(record({ contentToken: 'token', ownershipToken: 'outside' }));
    const folder = path.join(storage, 'apps', '.kept');
    const [note = '', ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    writeFileSync(path.join(folder, note), readFileSync(path.join(folder, note), 'utf8').slice(0, 9));
    expect(await formerUploadsOf(database('token'))).toBeUndefined();
    expect(await setAsideFormerState('crm', database('token'))).toHaveLength(ROOMS.length);
  });

  it('is named by its uploads for data that another ID adopts', async () => {
    const marks = { contentToken: 'token', outsideToken: 'outside', inSchema: true };
    expect(await formerUploadsOf({ inSchema: false })).toBeUndefined();
    // The folder of a created application is named by its ownership token.
    expect(await formerUploadsOf(marks)).toBe(ownUploads(record({ ownershipToken: 'outside' }))?.slice(-16));
    await stampKeptState(record({ contentToken: 'token', ownershipToken: 'outside', uploads: '0123456789abcdef' }));
    expect(await formerUploadsOf(marks)).toBe('0123456789abcdef');
    expect(await formerUploadsOf({ ...marks, outsideToken: undefined })).toBeUndefined();
  });

  it('does not stay without a stamp, whatever the database carries', async () => {
    await setAsideFormerState('crm', database('token'));
    expect(left()).toEqual([]);
  });

  it.each(['main', '', '.', '..', '../apps', 'a/b', '.former'])(
    'no folder is touched for a name like "%s"',
    async (name) => {
      mkdirSync(path.join(storage, 'apps', 'main'), { recursive: true });
      expect([await setAsideFormerState(name), left()]).toEqual([[], ROOMS]);
      expect(existsSync(path.join(storage, 'apps', 'main'))).toBe(true);
    },
  );
});

describe('names of state outside the database', () => {
  it('carry the identity, so that two applications of one ID have nothing in common', () => {
    const prefixes = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'].map((identity) =>
      statePrefix(record({ identity })),
    );
    expect(prefixes).toEqual(['crm~1111111111114111', 'crm~2222222222224222']);
  });

  it('stay as they are for an application of an older version, or of another plugin', () => {
    for (const old of [record(), record({ ownershipToken: 'x' })]) {
      expect([statePrefix(old), outsideStateOptions({ cacheManager: { prefix: 'crm' } }, old)]).toEqual(['crm', {}]);
    }
  });

  it('keep the other settings of cache, messages and queues', () => {
    const given = { cacheManager: { defaultStore: 'redis', prefix: 'crm' }, eventQueue: { x: 1 } };
    expect(outsideStateOptions(given, record({ identity: 'abc' }))).toEqual({
      cacheManager: { defaultStore: 'redis', prefix: 'crm~abc' },
      pubSubManager: { channelPrefix: 'abc' },
      eventQueue: { x: 1, channelPrefix: 'abc' },
    });
  });
});

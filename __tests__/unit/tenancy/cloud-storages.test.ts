import type { Application } from '@nocobase/server';
import { confineCloudStorages } from '../../../server/nocobase/cloud-storages';

interface Driver {
  storage: { options: Record<string, unknown>; settings?: unknown };
  client: { config: Record<string, unknown> & { credentials(): Promise<{ accessKeyId: string }> } };
  make(): { _handleFile(request: object, file: object, done: (error: unknown) => void): void };
  getFileURL(file: object): unknown;
}

type DriverClass = (new (storage: object) => Driver) & { filenameKey?: string; defaults(): { type: string } };

const TYPES = ['s3', 'ali-oss', 'tx-cos'];

const compiled = (type: string) =>
  jest.requireActual<{ default: DriverClass }>(`@nocobase/plugin-file-manager/dist/server/storages/${type}.js`).default;

/** The classes of an instance, confined. */
function confinedClasses(): Map<string, DriverClass> {
  class Other {}
  const map = new Map(TYPES.map((type) => [type, compiled(type)])).set('other', Other as unknown as DriverClass);
  const app = { pm: { get: () => ({ storageTypes: { map } }) } } as unknown as Application;
  const confine = () =>
    confineCloudStorages(app, (type) => {
      throw new Error(`refused ${type}`);
    });
  confine();
  const once = new Map(map);
  confine();
  expect([...map]).toEqual([...once]);
  expect(map.get('other')).toBe(Other);
  return map;
}

function storage(type: string, options: object, rest: object = {}): Driver {
  const Confined = confinedClasses().get(type);
  if (!Confined) throw new Error(`no class ${type}`);
  return new Confined({ id: 1, type, options, ...rest });
}

describe('cloud storages of an application', () => {
  const s3 = { region: 'r', bucket: 'b', endpoint: 'http://127.0.0.1:9/', acl: 'private', thumbnailRule: '?x' };
  const keys = { accessKeyId: 'own', secretAccessKey: 'secret' };
  const harmful = {
    profile: 'p',
    filepath: '/srv/storage/uploads/apps/x/file',
    configFilepath: '/srv/storage/uploads/apps/x/file',
    credentials: { accessKeyId: 'x' },
    endpointProvider: {},
  };

  it('a storage of S3 is given the options of its form only', async () => {
    const driver = storage('s3', { ...s3, ...keys, ...harmful });
    expect(driver.storage.options).toEqual({ ...s3, ...keys });
    await expect(driver.client.config.credentials()).resolves.toMatchObject({ accessKeyId: 'own' });
    for (const key of ['profile', 'filepath', 'configFilepath']) expect(driver.client.config[key]).toBeUndefined();
  });

  it.each([{}, { accessKeyId: 'own' }, { secretAccessKey: 's' }, { accessKeyId: '', secretAccessKey: '' }, harmful])(
    'a storage of S3 without both keys signs nothing, also with keys of the process: %j',
    async (given) => {
      const before = { ...process.env };
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'host', AWS_SECRET_ACCESS_KEY: 'host' });
      try {
        const driver = storage('s3', { ...s3, ...given }, { baseUrl: 'http://x/' });
        await expect(driver.client.config.credentials()).rejects.toThrow('refused s3');
        expect(driver.getFileURL({ filename: 'f.txt', path: '' })).toBeDefined();
      } finally {
        for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
          if (before[key] === undefined) Reflect.deleteProperty(process.env, key);
          else process.env[key] = before[key];
        }
      }
    },
  );

  it.each(TYPES)('an upload to a storage without keys is answered as a fault of the caller: %s', (type) => {
    const done = jest.fn();
    storage(type, { bucket: 'b', region: 'r' }).make()._handleFile({}, {}, done);
    expect(done).toHaveBeenCalledWith(expect.objectContaining({ name: 'MulterError', message: `refused ${type}` }));
  });

  it('options that are no plain values are dropped', () => {
    const endpoint = { hostname: 'x', path: '/y' };
    expect(storage('s3', { ...keys, region: 'r', endpoint }).storage.options).toEqual({ ...keys, region: 'r' });
  });

  it('the other types are given the options of their forms', () => {
    const oss = { region: 'oss-r', bucket: 'bucket', accessKeyId: 'a', accessKeySecret: 's', timeout: 5 };
    const driver = storage('ali-oss', { ...oss, proxy: 'http://x/', agent: {}, urllib: {}, refreshSTSToken: 'x' });
    expect(driver.storage.options).toEqual(oss);
    const cos = { Region: 'r', Bucket: 'b-1', SecretId: 'a', SecretKey: 's' };
    expect(storage('tx-cos', { ...cos, Proxy: 'http://x/', getAuthorization: 'x' }).storage.options).toEqual(cos);
  });

  it.each(TYPES)('settings of the HTTP client do not reach the reading of files: %s', (type) => {
    const driver = storage(type, keys, { settings: { requestOptions: { socketPath: '/x.sock' } } });
    expect(driver.storage.settings).toBeUndefined();
  });

  it('what NocoBase reads of the class itself stays', () => {
    const classes = confinedClasses();
    expect(TYPES.map((type) => classes.get(type)?.filenameKey)).toEqual(['key', undefined, 'url']);
    expect(TYPES.map((type) => classes.get(type)?.defaults().type)).toEqual(TYPES);
  });

  it('an application without the file manager stays as it is', () => {
    const app = { pm: { get: () => undefined } } as unknown as Application;
    expect(() =>
      confineCloudStorages(app, () => {
        throw new Error('refused');
      }),
    ).not.toThrow();
  });
});

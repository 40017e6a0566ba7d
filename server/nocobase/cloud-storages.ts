import type { Application } from '@nocobase/server';
import { replaceStorageClass, type StorageClass, type StorageConfig, type UploadEngine } from './file-manager';

/**
 * The file manager passes the options of a storage's row on to the libraries of cloud storages. Those can run a program
 * that a file names, and take keys from the environment of the process. Each type is kept to what its form offers, and
 * to what NocoBase's class reads.
 */

/** Read by NocoBase for storages of all types. */
const COMMON = ['thumbnailRule', 'public', 'useOriginalUrl', 'signedUrlExpires'];

interface CloudType {
  readonly options: readonly string[];
  /** The two options without which the library would look for keys elsewhere. */
  readonly keys: readonly [string, string];
}

const TYPES: Readonly<Record<string, CloudType>> = {
  s3: {
    options: ['region', 'bucket', 'endpoint', 'accessKeyId', 'secretAccessKey', 'acl'],
    keys: ['accessKeyId', 'secretAccessKey'],
  },
  'ali-oss': {
    options: [
      ...['region', 'bucket', 'endpoint', 'accessKeyId', 'accessKeySecret', 'stsToken'],
      ...['timeout', 'internal', 'secure', 'cname'],
    ],
    keys: ['accessKeyId', 'accessKeySecret'],
  },
  'tx-cos': {
    options: [
      ...['Region', 'Bucket', 'SecretId', 'SecretKey', 'SecurityToken', 'XCosSecurityToken', 'Domain', 'Protocol'],
      ...['FileParallelLimit', 'ChunkParallelLimit', 'ChunkSize', 'Timeout', 'KeepAlive', 'ForcePathStyle'],
      ...['CompatibilityMode', 'UseAccelerate'],
    ],
    keys: ['SecretId', 'SecretKey'],
  },
};

const isPlain = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value);
const isText = (value: unknown) => typeof value === 'string' && value !== '';

/** Returns the row's storage with the options of its type. Objects and lists among them are dropped. */
function confinedStorage(storage: StorageConfig, type: CloudType): StorageConfig {
  const allowed = new Set([...COMMON, ...type.options]);
  const given = Object.entries(storage.options ?? {});
  const options = Object.fromEntries(given.filter(([key, value]) => allowed.has(key) && isPlain(value)));
  // The settings would be options of the HTTP client that reads a file: a Unix socket of this machine, too.
  return { ...storage, options, settings: undefined };
}

/** An engine that fails under the name of an error that the file manager answers with 400. */
function refusingEngine(refuse: () => never): UploadEngine {
  const fail: UploadEngine['_handleFile'] = (_request, _file, done) => {
    try {
      refuse();
    } catch (error) {
      const { message, code } = error as Error & { code?: unknown };
      done(Object.assign(new Error(message), { name: 'MulterError', code }));
    }
  };
  return { _handleFile: fail, _removeFile: fail };
}

const confined = new WeakSet<StorageClass>();

function confinedClass(base: StorageClass, name: string, type: CloudType, refuse: (name: string) => never) {
  if (confined.has(base)) return base;
  const kept = class extends base {
    private readonly hasKeys: boolean;

    constructor(storage: StorageConfig) {
      const safe = confinedStorage(storage, type);
      const hasKeys = type.keys.every((key) => isText(safe.options?.[key]));
      // Addresses of files are told without a key. Whatever needs a signature is refused.
      const credentials = () => Promise.resolve().then(() => refuse(name));
      super(hasKeys ? safe : { ...safe, options: { ...safe.options, credentials } });
      this.hasKeys = hasKeys;
    }

    override make(): UploadEngine {
      return this.hasKeys ? super.make() : refusingEngine(() => refuse(name));
    }
  };
  confined.add(kept);
  return kept;
}

/**
 * Keeps the storages of one instance to the options of their forms. A type that another plugin adds stays as it is.
 * @param refuse throws; called where a storage without keys of its own would sign a request
 */
export function confineCloudStorages(app: Application, refuse: (type: string) => never): void {
  for (const [name, type] of Object.entries(TYPES)) {
    replaceStorageClass(app, name, (base) => confinedClass(base, name, type, refuse));
  }
}

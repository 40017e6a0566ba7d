import type { BodyMeasure } from './body-meter';
import { AppError } from './errors';
import { phrase, type Reason } from './phrase';
import { isPlainObject } from './plain-object';
import type { StoredVersions } from './policies/upgrade-plan';

/** Says what an archive is; the number grows with each change that an older reader would misunderstand. */
export const ARCHIVE_FORMAT = 'nocobase-app-archive';
export const ARCHIVE_VERSION = 1;

export const MANIFEST = 'manifest.json';
export const DATABASE_PART = 'database.dump';
/** The key by which the application encrypts fields in its database. */
export const KEY_PART = 'aes_key.dat';
const FILE_PART = /^files\/[0-9]{6}$/;

export const MAX_MANIFEST_BYTES = 32 * 2 ** 20;
const MAX_PARTS = 200_000;
/** What one part has: four members, and three of its file, each of them with its name, and two objects. */
const VALUES_OF_PART = 16;
const MAX_PLUGINS = 10_000;
const VALUES_OF_PLUGIN = 5;
const MAX_MANIFEST_VALUES = MAX_PARTS * VALUES_OF_PART + MAX_PLUGINS * VALUES_OF_PLUGIN + 100;
/** Manifest, list of parts, part, file. */
const MAX_MANIFEST_DEPTH = 4;
/** A member is at least twice as long, and each part has a checksum: a text of other things is no manifest. */
const MIN_BYTES_OF_VALUE = 5;
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 1_024;

/** A file as the rows of the application name it. */
export interface ArchivedFile {
  storageId: string;
  /** Below the folder of the storage; empty for the folder itself. */
  path: string;
  filename: string;
}

export interface ArchivePart {
  name: string;
  /** In bytes. */
  size: number;
  /** In hexadecimal digits. */
  sha256: string;
  file?: ArchivedFile;
}

/** What stands in the database of an archive, and how it was taken from there. */
export interface ArchivedDatabase {
  dialect: string;
  /** The versions of the server and of the program that made the dump. */
  server: string;
  tool: string;
  schema: string;
  tablePrefix: string;
  underscored: boolean;
}

/** The first entry of an archive: what it holds, and of whom. The parts follow in this order, and nothing else. */
export interface ArchiveManifest {
  format: typeof ARCHIVE_FORMAT;
  version: number;
  createdAt: string;
  application: { name: string; displayName?: string; icon?: string };
  nocobase: StoredVersions;
  database: ArchivedDatabase;
  /** Of the key, wherever it lies: it tells whether the one on the other side is the same. */
  keySha256?: string;
  /** Files that rows name, and that were not there. */
  missingFiles: number;
  parts: ArchivePart[];
}

function invalid(reason: Reason): AppError {
  return new AppError('APP_ARCHIVE_INVALID', { reason });
}

function notValid(what: Reason): AppError {
  return invalid(phrase('{what} is not valid', { what }));
}

function object(value: unknown, what: Reason): Record<string, unknown> {
  if (!isPlainObject(value)) throw invalid(phrase('{what} is missing', { what }));
  return value;
}

function text(value: unknown, what: Reason, max = 255): string {
  if (typeof value !== 'string' || value.length > max || /\p{Cc}/u.test(value)) throw notValid(what);
  return value;
}

function optionalText(value: unknown, what: Reason): string | undefined {
  return value === undefined || value === null ? undefined : text(value, what);
}

function whole(value: unknown, what: Reason): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw notValid(what);
  return value;
}

function hash(value: unknown, what: Reason): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) throw notValid(what);
  return value;
}

const bytes = (value: string) => new TextEncoder().encode(value).length;

/** Whether a text is one plain name: no way up, no separator, nothing hidden from the eye. */
export function isPlainFileName(name: string): boolean {
  return (
    name !== '' && name !== '.' && name !== '..' && bytes(name) <= MAX_NAME_BYTES && !/[/\\]|\p{Cc}|\p{Cs}/u.test(name)
  );
}

/** Whether a text is a path downwards, of plain names; the empty one is the folder itself. */
export function isPlainPath(path: string): boolean {
  return path === '' || (bytes(path) <= MAX_PATH_BYTES && path.split('/').every(isPlainFileName));
}

function parseFile(value: unknown): ArchivedFile {
  const { storageId, path, filename } = object(value, 'the place of a file');
  if (typeof storageId !== 'string' || !/^[0-9]{1,20}$/.test(storageId)) throw notValid('the place of a file');
  if (typeof path !== 'string' || !isPlainPath(path)) throw invalid('the folder of a file is not allowed');
  if (typeof filename !== 'string' || !isPlainFileName(filename)) throw invalid('the name of a file is not allowed');
  return { storageId, path, filename };
}

function parsePart(value: unknown): ArchivePart {
  const given = object(value, 'a part');
  const name = text(given.name, 'the name of a part');
  const part = { name, size: whole(given.size, 'the size of a part'), sha256: hash(given.sha256, 'a checksum') };
  if (name === DATABASE_PART) return part;
  if (name === KEY_PART) {
    if (part.size !== 32) throw notValid('the key');
    return part;
  }
  if (!FILE_PART.test(name)) throw invalid('it contains an unknown part');
  return { ...part, file: parseFile(given.file) };
}

function parseParts(value: unknown): ArchivePart[] {
  if (!Array.isArray(value) || value.length > MAX_PARTS) throw notValid('the list of its parts');
  const parts = value.map(parsePart);
  if (parts[0]?.name !== DATABASE_PART) throw invalid('it contains no database');
  if (new Set(parts.map(({ name }) => name)).size !== parts.length) throw invalid('it contains a part twice');
  const places = parts.flatMap(({ file }) =>
    file ? [JSON.stringify([file.storageId, file.path, file.filename])] : [],
  );
  if (new Set(places).size !== places.length) throw invalid('it contains a file twice');
  return parts;
}

function parseVersions(value: unknown): StoredVersions {
  const { core, plugins } = object(value, 'the version of NocoBase');
  if (!Array.isArray(plugins) || plugins.length > MAX_PLUGINS) throw notValid('the list of plugins');
  return {
    core: text(core, 'the version of NocoBase'),
    plugins: plugins.map((plugin: unknown) => {
      const { packageName, version } = object(plugin, 'a plugin');
      return {
        packageName: text(packageName, 'the name of a plugin'),
        version: optionalText(version, 'the version of a plugin') ?? null,
      };
    }),
  };
}

/**
 * Checks how much a manifest holds, before it is parsed: deep nesting and many small values take seconds.
 * @throws APP_ARCHIVE_INVALID
 */
export function checkManifestSize({ bytes, values, depth }: Readonly<BodyMeasure>): void {
  const tooMany = values > Math.min(MAX_MANIFEST_VALUES, 100 + bytes / MIN_BYTES_OF_VALUE);
  if (bytes > MAX_MANIFEST_BYTES || tooMany || depth > MAX_MANIFEST_DEPTH) throw invalid('its manifest is too large');
}

/** Everything that a manifest says, checked; it comes from somebody else's machine. @throws APP_ARCHIVE_INVALID */
export function parseManifest(json: string): ArchiveManifest {
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch {
    throw invalid('its manifest cannot be read');
  }
  const { format, version, createdAt, application, nocobase, database, keySha256, missingFiles, parts } = object(
    given,
    'the manifest',
  );
  if (format !== ARCHIVE_FORMAT) throw invalid('it is not an archive of an application');
  if (version !== ARCHIVE_VERSION)
    throw invalid(phrase('its format is not version {version}', { version: ARCHIVE_VERSION }));
  const app = object(application, 'the application');
  const from = object(database, 'the database');
  const date = text(createdAt, 'its date');
  if (Number.isNaN(Date.parse(date))) throw notValid('its date');
  return {
    format,
    version,
    createdAt: new Date(date).toISOString(),
    application: {
      name: text(app.name, 'the name of the application'),
      displayName: optionalText(app.displayName, 'the title of the application'),
      icon: optionalText(app.icon, 'the icon of the application'),
    },
    nocobase: parseVersions(nocobase),
    database: {
      dialect: text(from.dialect, 'the kind of the database', 32),
      server: text(from.server, 'the version of the database server', 64),
      tool: text(from.tool, 'the version of the dump', 64),
      schema: text(from.schema, 'the schema', 63),
      tablePrefix: text(from.tablePrefix, 'the prefix of the tables', 63),
      underscored: from.underscored === true,
    },
    ...(keySha256 === undefined ? {} : { keySha256: hash(keySha256, 'the checksum of the key') }),
    missingFiles: whole(missingFiles, 'the number of missing files'),
    parts: parseParts(parts),
  };
}

/** What the parts hold together, in bytes. */
export function contentSize({ parts }: ArchiveManifest): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

import type { AppRecord } from '../../src/app-record';
import { KEY_PART, type ArchivedFile, type ArchivePart } from '../../src/archive-manifest';
import { databaseKind } from '../../src/database-dialects';
import { AppError } from '../../src/errors';
import { phrase, type Reason } from '../../src/phrase';
import { systemTitle } from '../../src/system-title';
import type { StoredVersions, UpgradeVerdict } from '../../src/policies/upgrade-plan';
import type { DatabaseProvisioner } from '../databases/provisioner';
import type { DumpTools } from '../databases/dump-tools';
import type { Place } from '../databases/place';
import { ownPath, ownUploads } from '../lifecycle/upload-folders';
import type { OpenArchive } from './archive-file';
import type { ArchiveJob } from './archive-job';
import { setAsideFormerState } from '../lifecycle/former-state';
import { isSettled, markSettled, removeMarker } from '../lifecycle/upload-marker';
import { placeKey, placeUpload } from './uploads';
import type { WorkFolder } from './work-folder';

interface ImportHost {
  provisioner: DatabaseProvisioner;
  compare: (name: string, stored: StoredVersions) => Promise<UpgradeVerdict>;
}

export interface ImportOrder {
  /** Not registered yet; its provisioning carries the token that its database is marked with. */
  record: AppRecord;
  /** The name that was entered for the new application; without one it keeps the title of the archived one. */
  title?: string;
  place: Place;
  tools: DumpTools;
  archive: OpenArchive;
  job: ArchiveJob;
  work: WorkFolder;
  timeoutMs: number;
}

function unfit(reason: Reason): AppError {
  return new AppError('APP_ARCHIVE_UNFIT', { reason });
}

async function assertNotNewer({ compare }: ImportHost, name: string, stored: StoredVersions): Promise<void> {
  const { state, to } = await compare(name, stored);
  if (state === 'newer') throw new AppError('APP_ARCHIVE_NEWER', { stored: stored.core ?? '', installed: to });
}

/**
 * Whether an archive can become an application in this place; nothing is written.
 * @throws APP_ARCHIVE_UNFIT, APP_ARCHIVE_NEWER, APP_ARCHIVE_INVALID, APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD
 */
export async function examineImport(
  host: ImportHost,
  { archive, name, place, tools }: Pick<ImportOrder, 'archive' | 'place' | 'tools'> & { name: string },
) {
  const { database, nocobase, parts } = archive.manifest;
  await assertNotNewer(host, name, nocobase);
  // By either dialect of MySQL's family one speaks to the same servers.
  if (databaseKind(database.dialect)?.family !== place.dialect.family) {
    const kinds = { from: database.dialect, here: place.dialect.name };
    throw unfit(phrase('its database is of the kind "{from}", and the one here is of the kind "{here}"', kinds));
  }
  const { tablePrefix, underscored } = place.layout;
  if (database.tablePrefix !== tablePrefix) {
    const prefixes = { prefix: database.tablePrefix, here: tablePrefix };
    throw unfit(phrase('its table names begin with "{prefix}", and the ones here begin with "{here}"', prefixes));
  }
  if (database.underscored !== underscored) throw unfit('it was exported where DB_UNDERSCORED has another value');
  // What a dump restores has the name of its schema; only in a database of its own can that be changed.
  if (place.schema !== undefined) throw unfit('an imported application needs a database of its own');
  await tools.assertCanRestore(place, database, () => archive.read(parts[0] as ArchivePart));
}

async function restoreDatabase(host: ImportHost, order: ImportOrder): Promise<void> {
  const { record, place, tools, archive, job, work, timeoutMs } = order;
  const { parts, database } = archive.manifest;
  const [part] = parts as [ArchivePart];
  job.enter('database');
  await host.provisioner.create(record);
  job.enter('restore', part.size);
  const input = archive.read(part, job.signal);
  input.on('data', (chunk: Buffer) => job.advance(chunk.length));
  input.pause();
  await tools.restore(place, database, input, { timeoutMs, signal: job.signal, folder: work.folder });
  const stored = await place.dialect.readVersions(place.inside, place.layout);
  if (!stored?.core)
    throw new AppError('APP_ARCHIVE_INVALID', { reason: 'its database contains no NocoBase application' });
  // The manifest may say anything; this is what will run.
  await assertNotNewer(host, record.name, stored);
}

async function placeFiles({ record, place, tools, archive, job, work }: ImportOrder): Promise<void> {
  const { manifest } = archive;
  const files = manifest.parts.filter((part): part is ArchivePart & { file: ArchivedFile } => part.file !== undefined);
  job.enter(
    'files',
    files.reduce((sum, { size }) => sum + size, 0),
  );
  const key = manifest.parts.find(({ name }) => name === KEY_PART);
  const source = key && { part: key, source: () => archive.read(key, job.signal) };
  if (!(await placeKey(record.name, manifest.keySha256, source, work))) job.warn('encryption-key');
  const own = ownUploads(record);
  if (!own) throw new Error('an import without a mark of its own');
  for (const part of files) {
    job.signal.throwIfAborted();
    await placeUpload(own, part, archive.read(part, job.signal), work);
    job.advance(part.size);
  }
  await tools.moveFiles(place, (storageId, folder) => ownPath(own, storageId, folder));
  // Code in the archive may have undone that. From here on no row reaches a file outside of its own folder.
  await markSettled(record.name, own);
  if (manifest.missingFiles) job.warn('missing-files');
}

/**
 * Makes database and files of a new application out of an archive; its row is written by the caller, at the end. What
 * is made stands in the work folder by then: `undoImport` takes it back, also in another process.
 */
export async function importApplication(host: ImportHost, order: ImportOrder): Promise<void> {
  await setAsideFormerState(order.record.name);
  await restoreDatabase(host, order);
  await placeFiles(order);
  if (order.title !== undefined) await order.tools.setTitle(order.place, systemTitle(order.title));
}

/** Takes back all that an import has made; may be repeated. */
export async function undoImport({ provisioner }: Pick<ImportHost, 'provisioner'>, work: WorkFolder): Promise<void> {
  const record = await work.remembered();
  if (record) {
    await provisioner.drop(record);
    const own = ownUploads(record);
    // Another application may have the ID by now.
    if (own !== undefined && (await isSettled(record.name, own))) await removeMarker(record.name);
  }
  await work.takeBack();
}

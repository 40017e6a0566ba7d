import { createHash } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import type { AppRecord } from '../../src/app-record';
import { ownUploads, uploadsIdOf } from './upload-folders';
import { writeWholeFile } from './whole-file';

/**
 * State of an application below `storage/` that NocoBase names by the ID: keys, the event queue, logs, caches, backups,
 * temporary files. An application that is created under the ID of a former one must inherit none of it.
 */
const ROOMS: readonly (readonly string[])[] = [
  ...[
    ['apps'],
    ['logs'],
    ['cache', 'apps'],
    ['backups'],
    ['environment-variables'],
    ['tmp', 'backups'],
    ['tmp', 'documents'],
  ],
];
/** Beside the folders of applications; no ID begins with a dot. */
const FORMER = '.former';
const KEPT = '.kept';
const STAMP = 'app_supervisor_owner';
const UPLOADS_ID_LENGTH = 16;

const isFolderName = (name: string) => /^[\w-][\w.-]*$/.test(name) && name !== 'main';
const proofOf = (contentToken: string) => createHash('sha256').update(contentToken).digest('hex');
const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** The markers that an existing database carries, whatever application they are of. */
export interface FoundMarkers {
  /** Of the comment of a table, which the tables' owner can write. */
  contentToken?: string;
  /** Of the comment of the database or the schema. */
  outsideToken?: string;
  /** Comments in the main application's database are readable for the roles of all applications in it. */
  inSchema: boolean;
}

/** The note of a purged application that left its database. */
interface KeptState {
  name: string;
  /** The folder of its uploads. */
  uploads?: string;
  /** Proof of the marker outside. */
  outside?: string;
}

/** Beside the folders of applications, by the proof of the marker inside. */
const keptFile = (contentToken: string) => storagePathJoin('apps', KEPT, proofOf(contentToken));

/** Notes which state outside the database belongs to data that is kept: a later adoption needs it. */
export async function stampKeptState(record: AppRecord): Promise<void> {
  const { name, provisioning: { contentToken, ownershipToken } = {} } = record;
  if (contentToken === undefined || !isFolderName(name)) return;
  const kept: KeptState = {
    name,
    uploads: ownUploads(record),
    outside: ownershipToken === undefined ? undefined : proofOf(ownershipToken),
  };
  await writeWholeFile(keptFile(contentToken), JSON.stringify(kept));
}

function parseNote(text: string): KeptState | undefined {
  try {
    return JSON.parse(text) as KeptState;
  } catch {
    // No note, or one that was cut off while an earlier version wrote it.
    return undefined;
  }
}

/**
 * The note of the data that carries these markers. In a schema, the marker inside proves nothing: another application can
 * read it and write it to its own table. The marker outside is the main application's to write.
 */
async function keptState({ contentToken, outsideToken, inSchema }: FoundMarkers): Promise<KeptState | undefined> {
  if (contentToken === undefined) return undefined;
  const kept = parseNote(await readFile(keptFile(contentToken), 'utf8').catch(() => ''));
  if (kept === undefined) return undefined;
  const isProven = outsideToken !== undefined && kept.outside === proofOf(outsideToken);
  return inSchema && !isProven ? undefined : kept;
}

/** An earlier version noted the proof beside the key. */
async function hasFormerStamp(name: string, { contentToken, inSchema }: FoundMarkers): Promise<boolean> {
  if (contentToken === undefined || inSchema) return false;
  const stamp = await readFile(storagePathJoin('apps', name, STAMP), 'utf8').catch(() => undefined);
  return stamp === proofOf(contentToken);
}

/**
 * The end of the name of the folder in which a former application kept the uploads that belong to the data; undefined if
 * that cannot be told.
 */
export async function formerUploadsOf(markers: FoundMarkers): Promise<string | undefined> {
  const kept = await keptState(markers);
  if (kept?.uploads !== undefined) return kept.uploads.slice(-UPLOADS_ID_LENGTH);
  return markers.outsideToken === undefined ? undefined : uploadsIdOf(markers.outsideToken);
}

/**
 * Moves what a former application of this ID has left to `.former` in the same folder. What belongs to the data that is
 * adopted stays.
 * @param markers of the adopted database, as they were found
 * @returns the folders that were moved
 */
export async function setAsideFormerState(name: string, markers?: FoundMarkers): Promise<string[]> {
  if (!isFolderName(name)) return [];
  if (markers && ((await keptState(markers))?.name === name || (await hasFormerStamp(name, markers)))) return [];
  const at = new Date().toISOString().replace(/\W/g, '');
  const moved: string[] = [];
  for (const room of ROOMS) {
    const former = storagePathJoin(...room, FORMER);
    try {
      await mkdir(former, { recursive: true, mode: 0o700 });
      await rename(storagePathJoin(...room, name), path.join(former, `${name}-${at}`));
      moved.push(path.join(...room, name));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return moved;
}

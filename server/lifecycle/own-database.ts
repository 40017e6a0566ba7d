import { randomUUID } from 'node:crypto';
import type { Application } from '@nocobase/server';
import { QueryTypes } from 'sequelize';
import { isMade, type AppRecord, type Provisioning } from '../../src/app-record';
import { AppError } from '../../src/errors';
import { judgeOwnership, type OwnershipMarkers } from '../../src/policies/database-ownership';
import type { OwnershipKeeper, TableLayout } from '../databases/dialect';
import { dialectOf, layoutOf, type DatabaseOptions } from '../databases/location';
import { isMarker, marker } from '../databases/mark';
import type { DatabaseProvisioner } from '../databases/provisioner';
import { assertNotNewer, type AppVersions } from './versions';

/** What the check of a database needs of the boot around it. */
export interface DatabaseCheck {
  versions: AppVersions;
  record: AppRecord;
  provisioner: DatabaseProvisioner;
  mainApp: Application;
  /** Writes progress into the application's row. */
  note: (progress: Partial<Provisioning>) => Promise<void>;
  /** The instance has just replaced its contents by those of a backup. */
  restored?: boolean;
}

interface Markers extends OwnershipMarkers {
  /** Whether the schema of the application is there. */
  present: boolean;
}

interface Keeper {
  ownership: OwnershipKeeper;
  layout: TableLayout;
}

function keeperOf({ db }: Application): Keeper {
  const options = db.options as unknown as DatabaseOptions;
  return { ownership: dialectOf(options).ownership, layout: layoutOf(options) };
}

async function readMarkers(app: Application, inSchema: boolean): Promise<Markers> {
  const { ownership, layout } = keeperOf(app);
  const { sql, replacements } = ownership.read(layout, inSchema);
  const [row] = await app.db.sequelize.query<Markers>(sql, { type: QueryTypes.SELECT, replacements });
  return { outside: row?.outside, inside: row?.inside, present: Boolean(row?.present) };
}

/** Writes the marker inside over the connection of the instance. Idempotent. */
export async function markContents(app: Application, token: string | undefined): Promise<void> {
  if (token === undefined) return;
  const { ownership, layout } = keeperOf(app);
  await app.db.sequelize.query(ownership.markInside(layout, token));
}

/**
 * Compares the versions in the database of an instance into which nothing is loaded. Checks that the database of a
 * provisioned application is the application's own and holds an installation. Writes a marker that is missing where
 * the other one proves the ownership. Marks contents anew that the application itself has restored.
 * @throws APP_DATABASE_MISSING, APP_DATABASE_EMPTY, APP_DATABASE_FOREIGN, APP_VERSION_NEWER
 */
export async function checkDatabase(app: Application, context: DatabaseCheck) {
  const verdict = await context.versions.compareInstance(app, context.record.options);
  await checkOwnership(app, context, verdict.state !== 'not_installed');
  assertNotNewer(app.name, verdict);
  return verdict;
}

async function checkOwnership(app: Application, context: DatabaseCheck, installed: boolean): Promise<void> {
  const { record, provisioner } = context;
  if (!isMade(record)) return;
  const database = provisioner.databaseOf(record);
  // Rows of other plugins carry no marker, and may be of a kind of database that we cannot ask.
  if (!record.provisioning) {
    if (!installed) throw new AppError('APP_DATABASE_EMPTY', { database });
    return;
  }
  const markers = await readMarkers(app, provisioner.hasOwnSchema(record));
  if (!installed) throw new AppError(markers.present ? 'APP_DATABASE_EMPTY' : 'APP_DATABASE_MISSING', { database });
  const { ownershipToken, contentToken } = record.provisioning;
  const expected = { outside: markerOf(ownershipToken), inside: markerOf(contentToken) };
  const verdict = judgeOwnership(expected, markers, isMarker);
  // The database was checked when the instance started. The markers that a backup brings are those of its original.
  if (verdict === 'foreign' && context.restored) return markRestored(app, context, expected, markers);
  if (verdict === 'foreign') throw new AppError('APP_DATABASE_FOREIGN', { database });
  if (verdict !== 'own') await repair(app, context, verdict);
}

/**
 * An installation into a database that was there before: it is marked as soon as there is a table to mark, so that an
 * attempt that was cut off is told from an installation that came from elsewhere.
 * @throws APP_DATABASE_FOREIGN
 */
export async function assertBegunHere(app: Application, { provisioning }: AppRecord, database: string): Promise<void> {
  const token = provisioning?.contentToken;
  // Of a version that wrote no such marker.
  if (token === undefined) return;
  if ((await app.isInstalled()) && (await readMarkers(app, false)).inside !== marker(token)) {
    throw new AppError('APP_DATABASE_FOREIGN', { database });
  }
  const mark: () => unknown = () => markContents(app, token);
  app.once('beforeInstall', mark);
}

const markerOf = (token: string | undefined) => (token === undefined ? undefined : marker(token));

/** Writes the missing marker. A role that may not do so is no reason against the boot: the next one tries it again. */
async function repair(
  app: Application,
  { record, provisioner, note, mainApp }: DatabaseCheck,
  missing: 'mark-inside' | 'mark-outside',
): Promise<void> {
  const details = { module: 'app-supervisor', application: record.name };
  try {
    if (missing === 'mark-outside') {
      await provisioner.markOutside(record);
      mainApp.log.info('database marked again: its contents are those of the application', details);
      return;
    }
    const token = record.provisioning?.contentToken ?? randomUUID();
    await markContents(app, token);
    await note({ contentToken: token });
  } catch (error) {
    mainApp.log.warn('ownership marker not written', { ...details, marker: missing, error: reasonOf(error) });
  }
}

/** Marks the contents of a backup as the application's. */
async function markRestored(
  app: Application,
  context: DatabaseCheck,
  expected: OwnershipMarkers,
  found: OwnershipMarkers,
): Promise<void> {
  const { provisioner, record } = context;
  if (expected.outside !== undefined && found.outside !== expected.outside) await provisioner.markOutside(record);
  await repair(app, context, 'mark-inside');
  const details = { module: 'app-supervisor', application: record.name };
  context.mainApp.log.info('database marked again: the application has restored a backup', details);
}

/** The kind of an error: its text may hold an address. */
const reasonOf = (error: unknown) => (error instanceof Error ? error.name : 'unknown error');

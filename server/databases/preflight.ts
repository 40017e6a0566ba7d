import type { AppRecord } from '../../src/app-record';
import { AppError, isAppError } from '../../src/errors';
import { phrase, type Reason } from '../../src/phrase';
import type { PreflightCheck } from '../../src/preflight';
import type { StoredVersions, UpgradeVerdict } from '../../src/policies/upgrade-plan';
import type { Survey } from './dialect';
import type { OwnerSearch } from './owner-search';
import { placeName, type Place } from './place';

/** How a place that passed is to be used. */
export interface Clearance {
  /** It exists already, and is not ours to drop. */
  exists: boolean;
  /** It holds an application that is taken in as it is. */
  adopted: boolean;
}

export interface CheckResult {
  check: PreflightCheck;
  /** Absent where it passed. */
  error?: AppError;
  /** The error that exports will have; the check itself passed. */
  foreseen?: AppError;
  /** A sentence to show although it passed. */
  advice?: string;
}

interface PreflightHost {
  owners: OwnerSearch;
  compare(name: string, stored: StoredVersions | undefined): Promise<UpgradeVerdict>;
}

/**
 * What can be told of an application's database before anything is written: the same for creating one and for asking.
 * Back within seconds: every connection and statement has its deadline.
 */
export class Preflight {
  constructor(private readonly host: PreflightHost) {}

  /** @throws the first thing that stands against it */
  async pass(record: AppRecord, place: Place, adopt: boolean): Promise<Clearance> {
    const { results, clearance } = await this.examine(record, place, adopt);
    const failure = results.find(({ error }) => error)?.error;
    if (failure) throw failure;
    if (!clearance) throw new Error('a preflight without a result');
    return clearance;
  }

  /** Every check that could be made, in order; those that need an answer of the server stay away without one. */
  async examine(
    record: AppRecord,
    place: Place,
    adopt: boolean,
  ): Promise<{ results: CheckResult[]; clearance?: Clearance; serverVersion?: string }> {
    const { owners } = this.host;
    // Who is in it already needs no server to be asked, and nobody's secrets to be tried.
    const owner = await attempt(place, 'owner', () => owners.assertFreeByAddress(record, place));
    if (owner.error) return { results: [owner] };
    const { survey, results } = await this.ask(place);
    if (!survey) return { results: [owner, ...results] };
    // Nobody is in a database that does not exist.
    const known = survey.databaseExists
      ? await attempt(place, 'owner', () => owners.assertFreeByIdentity(record, place, survey.identity))
      : owner;
    if (known.error) return { results: [known, ...results] };
    let clearance: Clearance | undefined;
    const clear = async () => {
      clearance = await this.clear(record, place, survey, adopt);
    };
    const proven = await attempt(place, 'credentials', () => owners.assertPasswordProven(place, survey.identity));
    if (proven.error) return { results: [known, ...results.filter(({ check }) => check !== 'credentials'), proven] };
    results.push(
      await attempt(place, 'version', () => assertUsableServer(survey)),
      await attempt(place, 'database', clear),
      await attempt(place, 'encoding', () => assertEncoding(place, survey)),
      await attempt(place, 'rights', () => assertRights(place, survey)),
    );
    return { results: [known, ...results], clearance, serverVersion: survey.version.text };
  }

  private async ask(place: Place): Promise<{ survey?: Survey; results: CheckResult[] }> {
    const passed = (...checks: PreflightCheck[]): CheckResult[] => checks.map((check) => ({ check }));
    try {
      const survey = await place.dialect.survey(place.server, place.database, place.schema);
      return { survey, results: passed('server', 'credentials') };
    } catch (thrown) {
      const error = explained(place, thrown);
      if (error.code === 'APP_DATABASE_CREDENTIALS') {
        return { results: [...passed('server'), { check: 'credentials', error }] };
      }
      if (error.code !== 'APP_DATABASE_DENIED') return { results: [{ check: 'server', error }] };
      return { results: [...passed('server', 'credentials'), { check: 'rights', error }] };
    }
  }

  private async clear(record: AppRecord, place: Place, survey: Survey, adopt: boolean): Promise<Clearance> {
    const database = placeName(place);
    if (place.schema !== undefined && (survey.schemaReserved || isOfRole(place, survey))) {
      throw new AppError('APP_DATABASE_SCHEMA_INVALID', { schema: place.schema });
    }
    if (place.schema !== undefined && !survey.databaseExists) {
      throw new AppError('APP_DATABASE_ABSENT', { database: place.database });
    }
    if (survey.finding !== 'occupied') return { exists: survey.finding === 'empty', adopted: false };
    const stored = await place.dialect.readVersions(place.inside, place.layout);
    // An installation that was cut off has tables, and no version yet.
    if (!stored?.core) throw new AppError('APP_DATABASE_EXISTS', { database });
    const { state, to } = await this.host.compare(record.name, stored);
    if (state === 'newer') {
      throw new AppError('APP_DATABASE_NEWER', { database, stored: stored.core, installed: to });
    }
    if (!adopt) throw new AppError('APP_DATABASE_ADOPTABLE', { database, stored: stored.core });
    return { exists: true, adopted: true };
  }
}

/**
 * Every session of a role looks for functions in the schema with the role's name. On another server a schema with the name of
 * the application's own role is usual, and only that role would look there.
 */
function isOfRole({ elsewhere }: Place, { schemaOfRole }: Survey): boolean {
  return schemaOfRole === 'other' || (schemaOfRole === 'own' && !elsewhere);
}

function explained({ dialect, database }: Place, error: unknown): AppError {
  return isAppError(error) ? error : dialect.explain(error, database);
}

async function attempt(place: Place, check: PreflightCheck, work: () => void | Promise<void>): Promise<CheckResult> {
  try {
    await work();
    return { check };
  } catch (error) {
    return { check, error: explained(place, error) };
  }
}

function assertUsableServer({ version, readOnly }: Survey): void {
  const { text, needed, sufficient } = version;
  if (!sufficient) throw new AppError('APP_DATABASE_VERSION', { version: text, needed });
  if (readOnly) throw new AppError('APP_DATABASE_UNSUPPORTED', { reason: 'this server is read-only' });
}

function assertEncoding(place: Place, { encoding, databaseExists }: Survey): void {
  if (encoding.sufficient) return;
  const database = databaseExists ? place.database : 'template1';
  throw new AppError('APP_DATABASE_ENCODING', { database, encoding: encoding.name, needed: place.dialect.encoding });
}

function assertRights({ schema, dialect }: Place, survey: Survey): void {
  const denied = (reason: Reason) => new AppError('APP_DATABASE_DENIED', { reason });
  if (!survey.databaseExists) {
    if (schema === undefined && !survey.mayCreateDatabases)
      throw denied(phrase('the role lacks the right {right}', { right: dialect.creationRight }));
    return;
  }
  const isNewSchema = schema !== undefined && survey.finding === 'absent';
  if (isNewSchema && !survey.mayCreateSchemas) throw denied('the role may not create schemas in the database');
  if (!survey.mayCreateTables) throw denied('the role may not create tables in the database');
}

import type { Readable, Writable } from 'node:stream';
import type { ArchivedDatabase } from '../../src/archive-manifest';
import type { ServerAddress } from './dialect';
import type { Place } from './place';
import type { ApplicationFiles } from './stored-files';

/** How a program is let work. */
export interface ToolRun {
  timeoutMs: number;
  signal?: AbortSignal;
  /** An empty folder of our own, for what a program must read from a file. */
  folder: string;
}

/**
 * Taking an application's database to a file and back, with the programs of the database's makers, and what its tables
 * say of its uploaded files. One for each kind of database; every method throws an `AppError`.
 */
export interface DumpTools {
  /**
   * Whether the programs are there and new enough for this server; what stands in the database, without its tables.
   * @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD
   */
  describe(place: Place): Promise<Omit<ArchivedDatabase, 'dialect'>>;
  /**
   * Whether the programs are there and new enough for a server, before its database exists.
   * @param version of the server, as it tells it
   * @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD
   */
  assertInstalled(version: string): Promise<void>;
  /** Writes the database, or the application's schema in it, as it is at one moment. */
  dump(place: Place, output: Writable, run: ToolRun): Promise<void>;
  /**
   * Whether a dump can be restored in this place, as far as that can be told before anything is written.
   * @param dump looked through where it is given; one of a stranger's must be
   * @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD when the dump is of a newer program, APP_ARCHIVE_UNFIT,
   * APP_ARCHIVE_INVALID when it does what no dump of an application does
   */
  assertCanRestore(place: Place, from: ArchivedDatabase, dump?: () => Readable): Promise<void>;
  /** Fills an empty database that nobody else uses: all of the dump or nothing, in the schema that the place names. */
  restore(place: Place, from: ArchivedDatabase, input: Readable, run: ToolRun): Promise<void>;
  readFiles(place: Place): Promise<ApplicationFiles>;
  /** Makes the rows say where the files lie here. @param moved the folder that a storage's folder has become */
  moveFiles(place: Place, moved: (storageId: string, folder: string) => string): Promise<void>;
  /** Writes the title into the application's system settings, if it has any. */
  setTitle(place: Place, title: string): Promise<void>;
}

/** A program's connection counts like one of ours. */
export function counted<T>(server: ServerAddress, work: () => Promise<T>): Promise<T> {
  return server.lend ? server.lend(work) : work();
}

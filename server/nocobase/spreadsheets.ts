import { constants } from 'node:buffer';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { AppError } from '../../src/errors';
import type { Reason } from '../../src/phrase';
import { loadAnew } from './load-anew';
import { runInThread } from './thread';

/**
 * Reads the spreadsheets that users import. A small file holds very much: its parts are compressed, and each text in it can
 * be in any number of cells. NocoBase reads it as a whole in the thread that all applications share. Here a thread of its own
 * reads it; what it unpacks, the values that come out, and its memory are bounded.
 */

export interface SpreadsheetBounds {
  /** What a file may hold in bytes when it is unpacked, and all texts of its cells together. */
  bytes: number;
  /** Rows times columns. */
  values: number;
  /** How long reading may take in milliseconds. */
  ms: number;
  heapMb: number;
}

/** An import reads 2000 rows: this is a hundred columns of them. */
const MAX_VALUES = 200_000;
/** The columns that an import names; it may name one several times. */
const MAX_COLUMNS = 500;
const MAX_MS = 30_000;
const MAX_HEAP_MB = 512;

export const boundsOf = (bytes: number): SpreadsheetBounds => ({
  bytes,
  values: MAX_VALUES,
  ms: MAX_MS,
  heapMb: MAX_HEAP_MB,
});

type Row = unknown[];

interface Outcome {
  rows?: Row[];
  /** The bound that the file exceeds. */
  exceeded?: 'bytes' | 'values';
  /** The file is no spreadsheet. */
  error?: string;
}

/**
 * The program of the thread. The library is given an inflater in the place of its own, which does not stop at any size:
 * whatever the file says about its parts, all of them together have no more than the bytes that are allowed. The rows are
 * those that the importer of NocoBase reads from the first sheet.
 */
const THREAD = String.raw`
const { parentPort, workerData } = require('node:worker_threads');
const fs = require('node:fs');
const zlib = require('node:zlib');
const { library, file, sheetRows, bytes, values, most } = workerData;
const XLSX = require(library);
let left = bytes;
let exceeded;
class Inflater {
  bytesRead = 0;
  _processChunk(packed) {
    try {
      const allowed = Math.max(1, Math.min(left, most));
      const { buffer, engine } = zlib.inflateRawSync(packed, { maxOutputLength: allowed, info: true });
      left -= buffer.length;
      this.bytesRead = engine.bytesWritten;
      return buffer;
    } catch (error) {
      if (error.code === 'ERR_BUFFER_TOO_LARGE') exceeded = 'bytes';
      throw error;
    }
  }
}
XLSX.CFB.utils.use_zlib({ InflateRaw: Inflater });
/** What the cells occupy: a sheet may say that it is larger. */
const usedRange = (sheet) => {
  const used = { s: { r: Infinity, c: Infinity }, e: { r: -1, c: -1 } };
  for (const address of Object.keys(sheet)) {
    if (address[0] === '!') continue;
    const { r, c } = XLSX.utils.decode_cell(address);
    used.s.r = Math.min(used.s.r, r);
    used.s.c = Math.min(used.s.c, c);
    used.e.r = Math.max(used.e.r, r);
    used.e.c = Math.max(used.e.c, c);
  }
  return used;
};
const textOf = (rows) => {
  let length = 0;
  for (const row of rows) for (const value of row) if (typeof value === 'string') length += value.length;
  return length;
};
const readRows = () => {
  const options = { type: 'buffer', sheetRows, sheets: 0, cellDates: false };
  const book = XLSX.read(fs.readFileSync(file), options);
  const sheet = book.Sheets[book.SheetNames[0]];
  if (!sheet || !sheet['!ref']) return [];
  const { s, e } = usedRange(sheet);
  if (e.r < 0) return [];
  if ((e.r - s.r + 1) * (e.c - s.c + 1) > values) {
    exceeded = 'values';
    return [];
  }
  sheet['!ref'] = XLSX.utils.encode_range(s, e);
  const rows = XLSX.utils.sheet_to_json(sheet, { header: 1, defval: null, blankrows: false });
  if (textOf(rows) > bytes) exceeded = 'bytes';
  return rows;
};
let outcome;
try {
  outcome = { rows: readRows() };
} catch (error) {
  outcome = { error: String(error && error.message) };
}
parentPort.postMessage(exceeded ? { exceeded } : outcome);`;

const unreadable = (reason: Reason) => new AppError('APP_VALUE_INVALID', { field: 'file', reason });

const tooLarge = ({ bytes, values }: SpreadsheetBounds, exceeded: Outcome['exceeded']) =>
  exceeded === 'values'
    ? new AppError('APP_BODY_TOO_LARGE', { limit: values, unit: 'values' })
    : new AppError('APP_BODY_TOO_LARGE', { limit: Math.floor(bytes / 2 ** 20), unit: 'MB of unpacked data' });

/**
 * Returns the rows of the first sheet of a file, at most so many.
 * @param library the path of the package `xlsx`
 * @throws APP_BODY_TOO_LARGE, APP_VALUE_INVALID
 */
export async function readSpreadsheet(
  file: string,
  library: string,
  sheetRows: number,
  bounds: SpreadsheetBounds,
): Promise<Row[]> {
  const { bytes, values } = bounds;
  if ((await fs.promises.stat(file)).size > bytes) throw tooLarge(bounds, 'bytes');
  const given = { library, file, sheetRows, bytes, values, most: constants.MAX_LENGTH };
  const { rows, exceeded } = await runInThread<Outcome>(THREAD, given, bounds).catch(() => {
    throw unreadable('it takes too much time or memory to read');
  });
  if (exceeded) throw tooLarge(bounds, exceeded);
  if (!rows) throw unreadable('it is not a spreadsheet');
  return rows;
}

export interface ImportContext {
  file?: { path?: string; buffer?: unknown };
  request?: { body?: { columns?: unknown; explain?: unknown } };
}

/** In the place of a workbook, as the importer of `loadImporter` takes it. */
interface RowsAsWorkbook {
  SheetNames: string[];
  Sheets: Record<string, { rows: Row[] }>;
}

const asWorkbook = (rows: Row[]): RowsAsWorkbook => ({ SheetNames: ['rows'], Sheets: { rows: { rows } } });

/** The number of columns that an import names; 0 if it names none that can be read. */
function countColumns(columns: unknown): number {
  if (typeof columns !== 'string') return Array.isArray(columns) ? columns.length : 0;
  try {
    const parsed = JSON.parse(columns) as unknown;
    return Array.isArray(parsed) ? parsed.length : 0;
  } catch {
    return 0;
  }
}

/** As NocoBase: 2000 rows, the names of the columns, and the explanation above them. */
const rowsToRead = (explain: unknown) => (explain ? 2_002 : 2_001);

/** Throws if an import would convert too many values: it does so without a pause. */
function assertConvertible(columns: number, rows: number, bounds: SpreadsheetBounds): void {
  if (columns > MAX_COLUMNS) throw new AppError('APP_BODY_TOO_LARGE', { limit: MAX_COLUMNS, unit: 'columns' });
  if (columns * rows > bounds.values) throw tooLarge(bounds, 'values');
}

/**
 * Returns the action with the file read before it, in a thread. The uploaded file is removed.
 * @param handler the action of `loadImporter`
 * @param library the path of the package `xlsx`
 */
export function withRowsRead<C extends ImportContext, R>(
  handler: (this: unknown, ctx: C, next: () => Promise<void>) => Promise<R>,
  library: string,
  bounds: SpreadsheetBounds,
) {
  return async function importXlsx(this: unknown, ctx: C, next: () => Promise<void>): Promise<R> {
    const { file, request } = ctx;
    if (!file?.path) throw unreadable('it is missing');
    const { path } = file;
    try {
      const columns = countColumns(request?.body?.columns);
      assertConvertible(columns, 0, bounds);
      const rows = await readSpreadsheet(path, library, rowsToRead(request?.body?.explain), bounds);
      assertConvertible(columns, rows.length, bounds);
      ctx.file = { ...file, path: undefined, buffer: asWorkbook(rows) };
    } finally {
      await fs.promises.rm(path, { force: true });
    }
    return handler.call(this, ctx, next);
  };
}

/**
 * Loads the action that imports a spreadsheet anew; its file is what `withRowsRead` puts there.
 * @param file the path of its module
 */
export function loadImporter(file: string): { exports: Record<string, unknown>; library: string } {
  const local = createRequire(file);
  const real = local('xlsx') as { utils: object };
  const utils = { ...real.utils, sheet_to_json: ({ rows }: { rows: Row[] }) => rows };
  const standIn = { ...real, utils, read: (book: RowsAsWorkbook) => book };
  const importer = local.resolve('../services/xlsx-importer');
  const loadsOfImporter = createRequire(importer);
  const service = loadAnew(importer, (name) => (name === 'xlsx' ? standIn : loadsOfImporter(name)));
  const exports = loadAnew(file, (name) => {
    if (name === 'xlsx') return standIn;
    return name === '../services/xlsx-importer' ? service : local(name);
  });
  return { exports, library: local.resolve('xlsx') };
}

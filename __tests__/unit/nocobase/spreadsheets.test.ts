import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {
  boundsOf,
  loadImporter,
  readSpreadsheet,
  withRowsRead,
  type ImportContext,
} from '../../../server/nocobase/spreadsheets';
import { zipFile } from '../../helpers/zip-file';

/** The library as the importer of NocoBase finds it. */
const host = createRequire(path.resolve('host/node_modules/x.js'));
const action = host.resolve('@nocobase/plugin-action-import/dist/server/actions/import-xlsx.js');
const library = createRequire(action).resolve('xlsx');
type Sheet = Record<string, unknown>;
const XLSX = createRequire(action)('xlsx') as {
  read(data: Buffer, options: object): { SheetNames: string[]; Sheets: Record<string, Sheet> };
  write(book: object, options: object): Buffer;
  utils: {
    aoa_to_sheet(rows: unknown[][]): Sheet;
    sheet_to_json(sheet: Sheet | undefined, options: object): unknown[][];
  };
};

const MB = 2 ** 20;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spreadsheets-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

let count = 0;
function fileOf(content: Buffer | string): string {
  const file = path.join(folder, `${(count += 1)}.xlsx`);
  fs.writeFileSync(file, content);
  return file;
}

const TYPES = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
const RELATION = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const CONTENT_TYPES = `<?xml version="1.0"?><Types xmlns="${PACKAGE}/content-types">
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="${TYPES}.worksheet+xml"/>
<Override PartName="/xl/sharedStrings.xml" ContentType="${TYPES}.sharedStrings+xml"/></Types>`;
const WORKBOOK = `<workbook xmlns="${MAIN}" xmlns:r="${RELATION}"><sheets><sheet name="s" sheetId="1" r:id="rId1"/></sheets></workbook>`;
const RELATIONS = `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`;

/** An xlsx file of one sheet, as XML. */
function xlsxOf(rows: string, strings = '', dimension = '', more: readonly (readonly [string, string])[] = []): Buffer {
  return zipFile([
    ['[Content_Types].xml', CONTENT_TYPES],
    ['xl/workbook.xml', WORKBOOK],
    ['xl/_rels/workbook.xml.rels', RELATIONS],
    ['xl/sharedStrings.xml', `<sst xmlns="${MAIN}">${strings}</sst>`],
    ...more,
    ['xl/worksheets/sheet1.xml', `<worksheet xmlns="${MAIN}">${dimension}<sheetData>${rows}</sheetData></worksheet>`],
  ]);
}

const text = (value: string) => `<c t="inlineStr"><is><t>${value}</t></is></c>`;

/** A zip file whose entries all say that they have no byte when they are unpacked. */
function withFalseSizes(zip: Buffer): Buffer {
  const lying = Buffer.from(zip);
  for (const [signature, offset] of [
    ['PK\x03\x04', 22],
    ['PK\x01\x02', 24],
  ] as const) {
    for (let at = lying.indexOf(signature); at >= 0; at = lying.indexOf(signature, at + 4)) {
      lying.writeUInt32LE(0, at + offset);
    }
  }
  return lying;
}

const read = (content: Buffer | string, rows = 2_001) =>
  readSpreadsheet(fileOf(content), library, rows, { ...boundsOf(MB), ms: 20_000, heapMb: 256 });

const someRows = [
  ['name', 'age', 'day'],
  ['Ann', 7, null],
  ['Bo', 1.5, true],
  [null, null, 'last'],
];

describe('reading a spreadsheet in a thread', () => {
  const book = () => ({ SheetNames: ['a', 'b'], Sheets: { a: XLSX.utils.aoa_to_sheet(someRows), b: {} } });

  it.each(['xlsx', 'xlsb', 'xls', 'biff5', 'ods', 'fods', 'csv', 'html', 'xlml'])(
    'gives of a file of the type %s what NocoBase reads',
    async (bookType) => {
      const data = XLSX.write(book(), { type: 'buffer', bookType, compression: true });
      const known = XLSX.read(data, { type: 'buffer', sheetRows: 2_001, cellDates: false });
      const first = known.Sheets[known.SheetNames[0] as string];
      const expected = XLSX.utils.sheet_to_json(first, { header: 1, defval: null, blankrows: false });
      expect(await read(data)).toEqual(expected);
    },
  );

  it('gives no more rows than are asked for', async () => {
    const rows = Array.from({ length: 50 }, (_, index) => [index]);
    const data = XLSX.write({ SheetNames: ['a'], Sheets: { a: XLSX.utils.aoa_to_sheet(rows) } }, { type: 'buffer' });
    expect(await read(data, 20)).toEqual(rows.slice(0, 20));
  });

  it('reads the cells of a sheet that says to be the largest possible', async () => {
    const sheet = xlsxOf(`<row r="1">${text('w')}</row>`, '', '<dimension ref="A1:XFD1048576"/>');
    expect(await read(sheet)).toEqual([['w']]);
  });

  const rowsOf = (n: number) => `<row>${text('w').repeat(10)}</row>`.repeat(n);
  const shared = `<row>${'<c t="s"><v>0</v></c>'.repeat(100)}</row>`.repeat(100);
  it.each<[string, () => Buffer | string]>([
    ['rows that compress well', () => xlsxOf(rowsOf(5_000))],
    ['empty rows', () => xlsxOf('<row/>'.repeat(300_000))],
    ['texts that compress well', () => xlsxOf('', `<si><t>${'x'.repeat(2 * MB)}</t></si>`)],
    ['sizes that are false', () => withFalseSizes(xlsxOf(rowsOf(5_000)))],
    ['one text in many cells', () => xlsxOf(shared, `<si><t>${'x'.repeat(10_000)}</t></si>`)],
    [
      'many parts that are small',
      () => {
        const parts = Array.from({ length: 30 }, (_, n) => [`xl/media/${n}.xml`, 'x'.repeat(100_000)] as const);
        return xlsxOf('', '', '', parts);
      },
    ],
    ['a part that is not used', () => xlsxOf('', '', '', [['docProps/thumbnail.jpeg', 'x'.repeat(2 * MB)]])],
    ['a long comment in a part', () => xlsxOf('', `<!--${' '.repeat(2 * MB)}-->`)],
    ['a text of commas', () => ','.repeat(2 * MB)],
    ['a text without an end', () => 'x'.repeat(2 * MB)],
    ['a web page', () => `<html><table>${'<tr><td>1</td></tr>'.repeat(100_000)}</table></html>`],
  ])('refuses more than is allowed: %s', async (_, content) => {
    const error = { code: 'APP_BODY_TOO_LARGE', params: { limit: 1, unit: 'MB of unpacked data' } };
    await expect(read(content())).rejects.toMatchObject(error);
  });

  it('refuses too many values, also if the cells are few', async () => {
    const corners = xlsxOf('<row r="1"><c r="A1"><v>1</v></c></row><row r="2000"><c r="XFD2000"><v>1</v></c></row>');
    await expect(read(corners)).rejects.toMatchObject({ code: 'APP_BODY_TOO_LARGE', params: { unit: 'values' } });
    const many = `<row>${'<c><v>1</v></c>'.repeat(400)}</row>`.repeat(600);
    const file = fileOf(xlsxOf(many));
    const result = readSpreadsheet(file, library, 2_001, boundsOf(10 * MB));
    await expect(result).rejects.toMatchObject({ code: 'APP_BODY_TOO_LARGE', params: { unit: 'values' } });
  });

  it.each(['', 'PK\x03\x04', 'PK\x03\x04PK\x05\x06'.padEnd(40, '\0')])('refuses what is none: %j', async (content) => {
    const result = read(content).then((rows) => (rows.length === 0 ? 'empty' : 'read'));
    expect(await result.catch(({ code }: { code: string }) => code)).toMatch(/^(empty|APP_VALUE_INVALID)$/);
  });

  it('refuses what takes too much time or memory, and lets the process live', async () => {
    const file = fileOf(xlsxOf(`<row>${'<c><v>1</v></c>'.repeat(20)}</row>`.repeat(2_000)));
    const late = readSpreadsheet(file, library, 2_001, { ...boundsOf(10 * MB), ms: 1 });
    await expect(late).rejects.toMatchObject({ code: 'APP_VALUE_INVALID' });
    const small = readSpreadsheet(file, library, 2_001, { ...boundsOf(10 * MB), heapMb: 8 });
    await expect(small).rejects.toMatchObject({ code: 'APP_VALUE_INVALID' });
  });
});

describe('an import', () => {
  const call = (content: Buffer | undefined, columns: unknown, explain = '') => {
    const ctx: ImportContext & { seen?: unknown } = { request: { body: { columns, explain } } };
    if (content) ctx.file = { path: fileOf(content) };
    return ctx;
  };
  const rows = xlsxOf(`<row>${text('w')}</row>`.repeat(3));
  const bounded = withRowsRead((ctx: ImportContext) => Promise.resolve(ctx.file?.buffer), library, boundsOf(MB));
  const next = () => Promise.resolve();

  it('gets the rows, and leaves no file', async () => {
    const ctx = call(rows, '[{"dataIndex":["w"]}]');
    const file = ctx.file?.path as string;
    expect(await bounded(ctx, next)).toEqual({
      SheetNames: ['rows'],
      Sheets: { rows: { rows: [['w'], ['w'], ['w']] } },
    });
    expect(ctx.file?.path).toBeUndefined();
    expect(fs.existsSync(file)).toBe(false);
  });

  it('is refused without a file, and with too many columns', async () => {
    await expect(bounded(call(undefined, '[]'), next)).rejects.toMatchObject({ code: 'APP_VALUE_INVALID' });
    const columns = JSON.stringify(Array(501).fill({ dataIndex: ['w'] }));
    const ctx = call(rows, columns);
    const file = ctx.file?.path as string;
    const error = { code: 'APP_BODY_TOO_LARGE', params: { limit: 500, unit: 'columns' } };
    await expect(bounded(ctx, next)).rejects.toMatchObject(error);
    expect(fs.existsSync(file)).toBe(false);
    const often = call(xlsxOf(`<row>${text('w')}</row>`.repeat(1_000)), Array(400).fill({}));
    await expect(bounded(often, next)).rejects.toMatchObject({ params: { unit: 'values' } });
  });

  it('leaves columns that cannot be read to NocoBase', async () => {
    for (const columns of ['[', '{}', undefined, 7]) expect(await bounded(call(rows, columns), next)).toBeDefined();
  });

  it("is done by NocoBase's own importer", async () => {
    const { exports, library: found } = loadImporter(action);
    expect(found).toBe(library);
    const handler = exports.importXlsx as (ctx: object, next: () => Promise<void>) => Promise<void>;
    const imported: unknown[] = [];
    const collection = { getField: (name: string) => ({ options: {}, name }), model: {}, options: {} };
    const ctx = {
      ...call(xlsxOf(`<row>${text('W')}${text('V')}</row><row>${text('1')}${text('2')}</row>`), undefined),
      request: { body: { columns: '[{"dataIndex":["v"],"title":"V"},{"dataIndex":["w"],"title":"W"}]' } },
      t: (sentence: string) => sentence,
      action: { params: {} },
      getCurrentRepository: () => ({ collection }),
      space: { can: ({ data }: { data: unknown[] }) => imported.push(...data) },
      dataSource: { collectionManager: {} },
    };
    await withRowsRead(handler as never, library, boundsOf(MB))(ctx as never, next).catch(() => undefined);
    expect(imported).toEqual([['2', '1']]);
  });
});

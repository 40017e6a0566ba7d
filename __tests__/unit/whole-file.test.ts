import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fsPromises from 'node:fs/promises';
import { writeWholeFile } from '../../server/lifecycle/whole-file';

describe('writeWholeFile', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'whole-file-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('creates the file and its folder, readable by the owner only', async () => {
    const file = path.join(folder, 'inner', 'key');
    await writeWholeFile(file, 'secret');
    expect(readFileSync(file, 'utf8')).toBe('secret');
    expect([statSync(file).mode & 0o777, statSync(path.dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  it('never writes into the file that is there', async () => {
    const file = path.join(folder, 'key');
    await writeWholeFile(file, 'former');
    const { ino } = statSync(file);
    await writeWholeFile(file, Buffer.from('new'));
    expect([readFileSync(file, 'utf8'), statSync(file).ino === ino]).toEqual(['new', false]);
    expect(readdirSync(folder)).toEqual(['key']);
  });

  it('keeps the former content if it cannot write the new one', async () => {
    const file = path.join(folder, 'key');
    await writeWholeFile(file, 'former');
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const write = jest.spyOn(fsPromises, 'writeFile').mockImplementation(async (target) => {
      writeFileSync(target as string, 'ne');
      return Promise.reject(full);
    });
    await expect(writeWholeFile(file, 'new')).rejects.toBe(full);
    write.mockRestore();
    expect(readFileSync(file, 'utf8')).toBe('former');
    // The next write replaces the half of it.
    await writeWholeFile(file, 'next');
    expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual(['next', ['key']]);
  });

  it('writes through no link at the place of its draft', async () => {
    const [file, foreign] = [path.join(folder, 'key'), path.join(folder, 'foreign')];
    writeFileSync(foreign, 'foreign');
    symlinkSync(foreign, `${file}.part`);
    await writeWholeFile(file, 'own');
    expect([readFileSync(file, 'utf8'), readFileSync(foreign, 'utf8')]).toEqual(['own', 'foreign']);
  });
});

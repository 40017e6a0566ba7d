import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Imported before anything of NocoBase, whose modules open log files in the storage folder while they are loaded: a
 * folder of this test file alone, which goes when its tests are over.
 */
export const temporaryFolder = mkdtempSync(path.join(tmpdir(), 'app-supervisor-in-process-'));

process.env.STORAGE_PATH = path.join(temporaryFolder, 'storage');

afterAll(() => rmSync(temporaryFolder, { recursive: true, force: true }));

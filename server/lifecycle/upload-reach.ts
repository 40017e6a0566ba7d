import type { AppRecord } from '../../src/app-record';
import { ownUploads, type UploadReach } from './upload-folders';
import { isSettled } from './upload-marker';

/** Returns where the rows of this application may name files: in its own folder, once its files are in there. */
export async function reachOf(record: AppRecord): Promise<UploadReach> {
  const own = ownUploads(record);
  return { own, settled: own !== undefined && (await isSettled(record.name, own)) };
}

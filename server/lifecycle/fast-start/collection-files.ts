import path from 'node:path';
import { ImporterReader } from '@nocobase/database';
import { cloneDeep } from 'lodash';
import { fileStamp, PackageMemo, packageStamp } from './memo';
import { methodPatch } from './method-patch';

/**
 * The definitions of collections that lie in a package: the folder is read once, and each application gets a copy of
 * its own, as NocoBase makes one too.
 */
const definitions = new PackageMemo<object[]>(1_000);

type Read = (this: ImporterReader) => Promise<object[]>;

export const collectionFilesPatch = methodPatch<Read>(
  'collection-files',
  () => ImporterReader?.prototype,
  'read',
  ['43daae06600a'],
  (original) =>
    async function () {
      const folder = path.resolve(this.directory);
      const parts = [packageStamp(folder), fileStamp(folder)];
      const stamp = parts.includes(undefined) ? undefined : parts.join('\n');
      const key = [folder, ...this.extensions].join('\n');
      return (await definitions.get(key, stamp, () => original.call(this))).map((definition) => cloneDeep(definition));
    },
);

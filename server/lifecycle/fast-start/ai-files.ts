import path from 'node:path';
import { DirectoryScanner, type FileDescriptor } from '@nocobase/ai';
import { PackageMemo, packageStamp } from './memo';
import { methodPatch } from './method-patch';

/** Which files of a package describe AI tools, skills, employees and MCP servers. The descriptors are immutable. */
const files = new PackageMemo<FileDescriptor[]>(1_000);

type Scan = (this: DirectoryScanner) => Promise<FileDescriptor[]>;

export const aiFilesPatch = methodPatch<Scan>(
  'ai-files',
  () => DirectoryScanner?.prototype,
  'scan',
  ['81da03b8a5be'],
  (original) =>
    async function () {
      const { basePath, pattern } = (this as unknown as { options: { basePath: string; pattern: string[] } }).options;
      const folder = path.resolve(basePath);
      const key = [folder, ...pattern].join('\n');
      return [...(await files.get(key, packageStamp(folder), () => original.call(this)))];
    },
);

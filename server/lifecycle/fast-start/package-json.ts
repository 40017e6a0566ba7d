import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PluginManager } from '@nocobase/server';
import { fileStamp, PackageMemo } from './memo';
import { methodPatch } from './method-patch';

/**
 * NocoBase reads each plugin's `package.json` twice while it starts an application, and looks first whether it exists.
 * The text is kept and parsed for each caller: some write into the object.
 */
const texts = new PackageMemo<string>(1_000);

type GetPackageJson = (this: typeof PluginManager, nameOrPackage: string) => Promise<unknown>;

export const packageJsonPatch = methodPatch<GetPackageJson>(
  'package-json',
  () => PluginManager,
  'getPackageJson',
  ['63a5d19196be'],
  (original) =>
    async function (nameOrPackage) {
      const { packageName } = (await PluginManager.parseName(nameOrPackage)) as { packageName: string };
      const file = path.resolve(String(process.env.NODE_MODULES_PATH ?? '').trim(), packageName, 'package.json');
      const stamp = process.env.NODE_MODULES_PATH?.trim() ? fileStamp(file) : undefined;
      // Whatever is wrong with the package, NocoBase says so in its own words.
      if (stamp === undefined) return original.call(this, nameOrPackage);
      return JSON.parse(await texts.get(file, stamp, () => readFile(file, 'utf8'))) as unknown;
    },
);

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = path.resolve(__dirname, '../..');
const HOST = path.join(ROOT, 'host');
const PACKAGE = 'nocobase-plugin-app-supervisor';

/**
 * A copy of `host/` without our plugin in its `node_modules`, as a NocoBase is that has never heard of it. The packages
 * are hard links, for their gigabyte; Node would look through symbolic ones into the original folder.
 */
export class StockHost {
  private constructor(private readonly folder: string) {}

  static async make(): Promise<StockHost> {
    // Beside the original, since a hard link stays on its disk.
    const parent = path.join(ROOT, '.host');
    await mkdir(parent, { recursive: true });
    const folder = await mkdtemp(path.join(parent, 'stock-'));
    const stock = new StockHost(folder);
    await mkdir(stock.path('node_modules'), { recursive: true });
    const scripts = (await readdir(HOST)).filter((name) => /\.(mjs|cjs|json)$/.test(name));
    for (const name of scripts) await copyFile(path.join(HOST, name), stock.path(name));
    const packages = (await readdir(path.join(HOST, 'node_modules'))).filter(
      (name) => name !== PACKAGE && !name.startsWith('.placing-'),
    );
    await run('cp', ['-al', ...packages, stock.path('node_modules')], { cwd: path.join(HOST, 'node_modules') });
    await stock.unlink('node_modules/@nocobase/app/dist/client/index.html');
    return stock;
  }

  /** The one file that a starting NocoBase writes among its packages becomes a copy of its own. */
  private async unlink(file: string): Promise<void> {
    await copyFile(this.path(file), this.path(`${file}.copy`));
    await rename(this.path(`${file}.copy`), this.path(file));
  }

  path(name: string): string {
    return path.join(this.folder, 'host', name);
  }

  /** As `TestHost.start` takes it. */
  get module(): string {
    return path.relative(HOST, this.path('index.mjs'));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The package that is published, and where it lies. */
  async pack(): Promise<string> {
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', this.folder];
    const { stdout } = await run('npm', args, { cwd: ROOT });
    return path.join(this.folder, stdout.trim().split('\n').at(-1) as string);
  }
}

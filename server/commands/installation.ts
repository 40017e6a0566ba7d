import { existsSync } from 'node:fs';
import path from 'node:path';

/** Folders in an installation of NocoBase in which a plugin may lie: a package, or one that was uploaded. */
const PLUGIN_FOLDERS = ['node_modules', path.join('storage', 'plugins')];

/** The folder of the NocoBase in which this program lies; undefined if it lies elsewhere. */
function ownInstallation(program: string): string | undefined {
  for (const folder of PLUGIN_FOLDERS) {
    const at = program.indexOf(path.join(path.sep, folder, path.sep));
    if (at > 0) return program.slice(0, at);
  }
  return undefined;
}

/**
 * Completes the environment, so that the program finds its NocoBase from any folder. As for NocoBase's own command line, the
 * file `.env` (or `APP_ENV_PATH`) is read, and values of the environment come before it. In a folder without a NocoBase, it is
 * the NocoBase in which the program lies.
 * @param programs the paths of the program: as it was called, and as it lies on the disk
 */
export function completeEnvironment(env: NodeJS.ProcessEnv, cwd: string, programs: readonly string[]): void {
  const given = { socket: env.SOCKET_PATH, storage: env.STORAGE_PATH };
  const isHere = existsSync(path.join(cwd, '.env')) || existsSync(path.join(cwd, 'storage'));
  const own = isHere ? undefined : programs.map(ownInstallation).find((found) => found !== undefined);
  const root = own ?? cwd;
  const file = path.resolve(root, env.APP_ENV_PATH || '.env');
  if (existsSync(file)) process.loadEnvFile?.(file);
  if (own === undefined) return;
  // What its file says, and NocoBase's default, are relative to its folder; what the caller says, to the caller's.
  if (env.SOCKET_PATH && !given.socket) env.SOCKET_PATH = path.resolve(own, env.SOCKET_PATH);
  if (!given.storage) env.STORAGE_PATH = path.resolve(own, env.STORAGE_PATH || 'storage');
}

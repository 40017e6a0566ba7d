import { existsSync } from 'node:fs';
import { runAppCommand } from './app-command';

/** The command as a program of its own: without the seconds that NocoBase takes to load itself. */
async function main(): Promise<void> {
  // NocoBase's own command line reads this file, too; what the environment has already, stays.
  const file = process.env.APP_ENV_PATH || '.env';
  if (existsSync(file)) process.loadEnvFile?.(file);
  // `nocobase app list` and `nocobase-app list` are the same.
  const words = process.argv.slice(2);
  const code = await runAppCommand(words[0] === 'app' ? words.slice(1) : words);
  // Pipes are written at once on POSIX; nothing is lost by an end in a hurry.
  process.exit(code);
}

void main();

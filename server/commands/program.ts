import path from 'node:path';
import { runAppCommand } from './app-command';
import { completeEnvironment } from './installation';

/** The command as a program of its own: without the seconds that NocoBase takes to load itself. */
async function main(): Promise<void> {
  completeEnvironment(process.env, process.cwd(), [path.resolve(process.argv[1] ?? ''), __filename]);
  // `nocobase app list` and `nocobase-app list` are the same.
  const words = process.argv.slice(2);
  const code = await runAppCommand(words[0] === 'app' ? words.slice(1) : words);
  // Pipes are written at once on POSIX; nothing is lost by an end in a hurry.
  process.exit(code);
}

void main();

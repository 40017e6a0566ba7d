import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';

function markFile(): string {
  return storagePathJoin('apps', 'main', 'app_supervisor_enabled');
}

/** Whether the plugin managed applications when the former process of this NocoBase ended. */
export function wasEnabled(): boolean {
  return existsSync(markFile());
}

/** Leaves word for the next process: it holds visitors from its first moment, before the plugin is loaded. */
export function rememberEnabled(enabled: boolean): void {
  const file = markFile();
  if (!enabled) rmSync(file, { force: true });
  else if (!existsSync(file)) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, '');
  }
}

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { compileFunction } from 'node:vm';

const compiled = new Map<string, (...given: unknown[]) => void>();

/**
 * Runs a module once more, and returns what it exports. What it requires is shared as ever.
 * @param load what the module gets as `require`
 * @throws Error if the file cannot be read
 */
export function loadAnew(file: string, load: (name: string) => unknown = createRequire(file)): Record<string, unknown> {
  let run = compiled.get(file);
  if (!run) {
    const names = ['exports', 'require', 'module', '__filename', '__dirname'];
    run = compileFunction(fs.readFileSync(file, 'utf8'), names, { filename: file }) as (...given: unknown[]) => void;
    compiled.set(file, run);
  }
  const module = { exports: {} };
  run.call(module.exports, module.exports, load, module, file, path.dirname(file));
  return module.exports;
}

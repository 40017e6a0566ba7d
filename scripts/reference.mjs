// What the scripts have in common that write a document from the code.
import { build } from 'esbuild';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Modules of ours, as a script can import them; `contents` re-exports what is wanted. */
export async function load(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
}

const cell = (text) => text.replaceAll('|', '\\|');

export const rows = (heads, lines) =>
  [heads, heads.map(() => '---'), ...lines].map((line) => `| ${line.map(cell).join(' | ')} |`).join('\n');

/** Writes a document below docs/; with --check it only says whether that is what it would write. */
export async function publish(name, source, parts) {
  const file = path.join(root, 'docs', name);
  const options = await prettier.resolveConfig(file);
  const text = await prettier.format(parts.join('\n\n'), { ...options, parser: 'markdown' });
  if (!process.argv.includes('--check')) await writeFile(file, text);
  else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
    console.error(`docs/${name} is not what ${source} says; run: node ${path.relative(root, process.argv[1])}`);
    process.exitCode = 1;
  }
}

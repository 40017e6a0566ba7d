// Builds the plugin into dist/, in the layout that NocoBase's plugin manager reads: docs/development.md lists it.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientExternals, serverExternals } from './build/externals.mjs';
import { callLate, wrapLate } from './build/late.mjs';
import { shims } from './build/shims.mjs';
import { wrapUmd } from './build/umd.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const dist = path.join(root, 'dist');
const started = performance.now();
const written = [];

class BuildError extends Error {}

async function write(file, text) {
  const target = path.join(root, file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, text);
  written.push({ file, bytes: Buffer.byteLength(text) });
}

async function sources(folder) {
  const names = await readdir(path.join(root, folder)).catch(() => []);
  return names.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts')).sort();
}

/** Bundles one entry in memory and says which modules it leaves to the host. */
async function bundle(entry, options) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [`./${entry}`],
    bundle: true,
    write: false,
    metafile: true,
    format: 'cjs',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    outdir: 'out',
    // Not tsconfig.json: its `paths` lead the type checker into the host, whose code is not ours to bundle.
    tsconfigRaw: { compilerOptions: { jsx: 'react-jsx', strict: true, target: 'ES2022' } },
    ...options,
  });
  for (const warning of result.warnings) {
    const at = warning.location ? `${warning.location.file}:${warning.location.line}: ` : '';
    console.warn(`warning: ${at}${warning.text}`);
  }
  const externals = new Set();
  for (const output of Object.values(result.metafile.outputs)) {
    for (const imported of output.imports) {
      if (imported.external) externals.add(imported.path);
    }
  }
  return { code: result.outputFiles[0].text, externals: [...externals].sort() };
}

const packageOf = (id) => (id.startsWith('@') ? id.split('/').slice(0, 2).join('/') : id.split('/')[0]);
const isBuiltin = (id) => id.startsWith('node:') || builtinModules.includes(id);

function assertKnown(externals, known, entry) {
  const unknown = externals.filter((id) => !known(id));
  if (unknown.length > 0) {
    throw new BuildError(`${entry} imports ${unknown.join(', ')}, which the host does not provide in this place.`);
  }
}

async function buildServerFile(entry, target) {
  const { code, externals } = await bundle(entry, {
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
  const allowed = (id) => isBuiltin(id) || id.startsWith('@nocobase/') || serverExternals.includes(packageOf(id));
  assertKnown(externals, allowed, entry);
  await write(target, code);
  return externals.filter((id) => !isBuiltin(id));
}

/** The command line: it runs where NocoBase is not loaded, on Node alone. */
async function buildProgram(entry, target) {
  const { code, externals } = await bundle(entry, {
    platform: 'node',
    target: 'node20',
    keepNames: true,
    minify: true,
  });
  assertKnown(externals, isBuiltin, entry);
  await write(target, `#!/usr/bin/env node\n${code}`);
  await chmod(path.join(root, target), 0o755);
  return [];
}

/** What all files of a client are built with. The files that they load by themselves stand in `folder`. */
const clientOptions = (lane, folder, required) => ({
  platform: 'browser',
  target: 'es2020',
  external: clientExternals[lane],
  plugins: [lateModules(lane, folder, required)],
  loader: { '.css': 'text' },
  jsx: 'automatic',
  minify: true,
  define: { 'process.env.NODE_ENV': '"production"' },
});

const isOwnFile = (id) => id.startsWith('./');

function assertProvided(externals, entry, lane) {
  assertKnown(externals, (id) => isOwnFile(id) || clientExternals[lane].includes(id), entry);
}

/**
 * What a client loads by itself when it is first needed, `import('./x')` in the source: an ES module beside the client's
 * own file. A browser resolves such an import against the script that it stands in, so it is found under any public path
 * and on any CDN; the hash in its name makes it new where its content is. It cannot ask the host for libraries: it
 * exports a function that takes the `require` of who imports it. @returns its name, and the libraries that it requires
 */
async function buildLateModule(entry, lane, folder) {
  const required = new Set();
  const { code, externals } = await bundle(entry, clientOptions(lane, folder, required));
  assertProvided(externals, entry, lane);
  const wrapped = wrapLate(code);
  const hash = createHash('sha256').update(wrapped).digest('hex').slice(0, 8);
  const name = `${path.basename(entry).replace(/\.tsx?$/, '')}.${hash}.js`;
  await write(`${folder}/${name}`, wrapped);
  return { name, libraries: [...externals.filter((id) => !isOwnFile(id)), ...required] };
}

/** Leads the dynamic imports of a client to the files that are built for them; adds what these require. */
const lateModules = (lane, folder, required) => ({
  name: 'late-modules',
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\//, namespace: 'file' }, async ({ path: asked, resolveDir, kind }) => {
      if (kind !== 'dynamic-import') return undefined;
      const entry = path.relative(root, path.resolve(resolveDir, `${asked}.ts`));
      const { name, libraries } = await buildLateModule(entry, lane, folder);
      for (const library of libraries) required.add(library);
      return { path: `./${name}`, external: true };
    });
  },
});

async function buildClient({ entry, target, id, lane }) {
  const required = new Set();
  const { code, externals } = await bundle(entry, clientOptions(lane, path.dirname(target), required));
  assertProvided(externals, entry, lane);
  const dependencies = [...new Set([...externals.filter((name) => !isOwnFile(name)), ...required])].sort();
  await write(target, wrapUmd({ id, dependencies, code: callLate(code) }));
  return dependencies;
}

/**
 * The versions built against, for NocoBase's compatibility check. @nocobase/* is left out on purpose: naming it would
 * pin the package to one minor version of NocoBase.
 */
async function externalVersions(externals) {
  const locks = [];
  for (const file of ['host/package-lock.json', 'package-lock.json']) {
    locks.push(JSON.parse(await readFile(path.join(root, file), 'utf8')).packages);
  }
  const names = [...new Set(externals.map(packageOf))].filter((name) => !name.startsWith('@nocobase/')).sort();
  const versions = {};
  for (const name of names) {
    const version = locks.map((packages) => packages[`node_modules/${name}`]?.version).find(Boolean);
    if (!version) throw new BuildError(`No lock file says which version of ${name} this is built against.`);
    versions[name] = version;
  }
  return versions;
}

async function copyLocales() {
  const names = (await readdir(path.join(root, 'locale'))).filter((name) => name.endsWith('.json')).sort();
  await mkdir(path.join(dist, 'locale'), { recursive: true });
  for (const name of names) {
    const source = path.join(root, 'locale', name);
    JSON.parse(await readFile(source, 'utf8'));
    await cp(source, path.join(dist, 'locale', name));
    written.push({ file: `dist/locale/${name}`, bytes: (await stat(source)).size });
  }
}

async function main() {
  const { name } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  await rm(dist, { recursive: true, force: true });

  const inFolder = async (folder, target) =>
    (await sources(folder)).map((file) => [`${folder}/${file}`, `${target}/${file.replace(/\.ts$/, '.js')}`]);
  const serverFiles = [
    ['server/plugin.ts', 'dist/server/index.js'],
    ...(await inFolder('server/collections', 'dist/server/collections')),
    ...(await inFolder('migrations', 'dist/server/migrations')),
    ['server/swagger/index.ts', 'dist/swagger/index.js'],
  ];
  const externals = await Promise.all([
    ...serverFiles.map(([entry, target]) => buildServerFile(entry, target)),
    buildProgram('server/commands/program.ts', 'dist/server/app-command.js'),
    buildClient({ entry: 'client/index.tsx', target: 'dist/client/index.js', id: name, lane: 'v1' }),
    buildClient({
      entry: 'client/index.v2.tsx',
      target: 'dist/client-v2/index.js',
      id: `${name}/client-v2`,
      lane: 'v2',
    }),
    copyLocales().then(() => []),
  ]);

  const versions = await externalVersions(externals.flat());
  await write('dist/externalVersion.js', `module.exports = ${JSON.stringify(versions, null, 2)};\n`);
  for (const [file, text] of Object.entries(shims)) await write(file, text);

  const width = Math.max(...written.map(({ file }) => file.length));
  for (const { file, bytes } of written.filter(({ file }) => file.startsWith('dist/'))) {
    console.log(`${file.padEnd(width)}  ${(bytes / 1024).toFixed(1).padStart(7)} kB`);
  }
  console.log(`built in ${Math.round(performance.now() - started)} ms`);
}

main().catch((error) => {
  if (error instanceof BuildError) console.error(`build: ${error.message}`);
  else if (Array.isArray(error?.errors)) {
    for (const { location, text } of error.errors) {
      console.error(`build: ${location ? `${location.file}:${location.line}:${location.column}: ` : ''}${text}`);
    }
  } else console.error(error);
  process.exitCode = 1;
});

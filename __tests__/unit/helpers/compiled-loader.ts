/**
 * JavaScript that defines `load(file)` for a program of its own: it compiles a file of ours, and what that imports by a
 * path of the same folder.
 */
export const COMPILED_LOADER = `
  const { transformSync } = require(${JSON.stringify(require.resolve('@swc/core'))});
  const loaded = new Map();
  const load = (file) => {
    if (loaded.has(file)) return loaded.get(file);
    const { code } = transformSync(require('node:fs').readFileSync(file, 'utf8'), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' },
    });
    const exports = {};
    loaded.set(file, exports);
    const requireFrom = (name) =>
      name.startsWith('./') ? load(require('node:path').resolve(file, '..', name + '.ts')) : require(name);
    new Function('exports', 'require', code)(exports, requireFrom);
    return exports;
  };`;

/** `import("./x.js")` as the bundler leaves it for a file that is loaded by itself. */
const IMPORT = /\bimport\("(\.\/[^"]+)"\)/g;

/** Gives each file that is loaded by itself the `require` of the one that imports it. */
export function callLate(code) {
  return code.replace(IMPORT, (call) => `${call}.then(function (late) { return late.default(require); })`);
}

/** Wraps a CommonJS bundle as an ES module, whose function takes a `require` and returns what the bundle exports. */
export function wrapLate(code) {
  return `export default function (require) {
  var module = { exports: {} };
  var exports = module.exports;
${callLate(code).trimEnd()}
  return module.exports;
}
`;
}

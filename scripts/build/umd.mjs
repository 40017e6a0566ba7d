/**
 * Wraps a CommonJS bundle as UMD. The AMD definition is named, and its dependency array is complete: NocoBase's module
 * loader asks for nothing that is not in it.
 */
export function wrapUmd({ id, dependencies, code }) {
  const list = JSON.stringify(dependencies);
  return `(function (factory) {
  var dependencies = ${list};
  if (typeof define === 'function' && define.amd) define(${JSON.stringify(id)}, dependencies, factory);
  else if (typeof module === 'object' && module.exports) module.exports = factory.apply(null, dependencies.map(require));
  else throw new Error('${id}: no module loader');
})(function () {
  var provided = arguments;
  var ids = ${list};
  var module = { exports: {} };
  var exports = module.exports;
  var require = function (name) {
    var index = ids.indexOf(name);
    if (index < 0) throw new Error('${id}: ' + name + ' is not provided');
    return provided[index];
  };
${code.trimEnd()}
  return module.exports;
});
`;
}

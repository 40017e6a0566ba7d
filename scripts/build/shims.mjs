// The files at the root of the package by which NocoBase finds its parts. client-v2.js is also the mark by which the v2
// client knows that there is something to load.

const commonJs = (target) => `module.exports = require('./dist/${target}/index.js');\n`;

const clientTypes = `declare const AppSupervisorClientPlugin: new (...args: never[]) => object;
export default AppSupervisorClientPlugin;
`;

export const shims = {
  'server.js': commonJs('server'),
  'server.d.ts': `import type { Plugin } from '@nocobase/server';

declare const AppSupervisorPlugin: typeof Plugin;
export default AppSupervisorPlugin;
`,
  'client.js': commonJs('client'),
  'client.d.ts': clientTypes,
  'client-v2.js': commonJs('client-v2'),
  'client-v2.d.ts': clientTypes,
};

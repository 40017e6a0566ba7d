export {};

declare global {
  /** Imports an ES module of `host/`: `const { startHost } = await importHost('index.mjs')`. */
  function importHost(file: 'index.mjs'): Promise<typeof import('../../host/index.mjs')>;
}

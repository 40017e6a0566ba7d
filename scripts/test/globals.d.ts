export {};

declare global {
  /** Imports an ES module of `host/`: `const { startHost } = (await importHost('index.mjs')) as HostModule`. */
  function importHost(file: string): Promise<unknown>;
}

import { PluginManager, type Application } from '@nocobase/server';
import { isLibrary } from './plugin-packages';

/** What an instance may do with plugins. Each function throws to refuse. */
export interface PluginRules {
  /** Called before packages are added, replaced or removed on disk. */
  assertPackages(): void;
  /** Called with each name of a plugin, or of its package, before its code is loaded or enabled. */
  assertPlugin(nameOrPackage: string): void;
  /** Called with the name of a package that is no plugin, before its code would be loaded. */
  refuseLibrary(name: string): never;
  /** Called with the words of a command before it runs. */
  assertCommand(words: readonly string[]): void;
}

/** Callers choose names. */
const MAX_KNOWN = 1_000;

type Method = (...args: unknown[]) => Promise<unknown>;
type Members = Record<string, unknown>;

/** Methods of the plugin manager that write packages to the disk, or remove them from it. */
const PACKAGE_METHODS = [
  'create',
  'pull',
  'addViaCLI',
  'addByNpm',
  'addByFile',
  'addByCompressedFileUrl',
  'update',
  'upgradeByNpm',
  'upgradeByCompressedFileUrl',
  'remove',
];

/**
 * Applies the rules to every plugin manager that the instance has, now and after each of its reloads, before a plugin
 * is added to it. Also applies them to the instance's commands.
 * @returns the members that this version of NocoBase does not have, and that are therefore not guarded
 */
export function guardPluginManager(app: Application, rules: PluginRules): string[] {
  const instance = app as unknown as Members;
  const { init } = instance;
  if (typeof init === 'function') {
    // NocoBase makes a new plugin manager each time that it initializes the instance.
    instance.init = () => {
      init.call(app);
      guardManager(app, rules);
    };
  }
  guardCommands(app, rules);
  const missing = guardManager(app, rules);
  return typeof init === 'function' ? missing : ['init', ...missing];
}

function guardManager(app: Application, rules: PluginRules): string[] {
  const manager = app.pm as unknown as Members;
  const missing: string[] = [];
  const replace = (name: string, make: (original: Method) => Method) => {
    const original = manager[name];
    if (typeof original === 'function') manager[name] = make(original.bind(manager) as Method);
    else missing.push(name);
  };
  for (const name of PACKAGE_METHODS) {
    replace(name, (original) => async (...args) => {
      rules.assertPackages();
      return original(...args);
    });
  }
  replace('addOrThrow', (original) => async (plugin, options, ...rest) => {
    const { name, packageName } = (options ?? {}) as { name?: unknown; packageName?: unknown };
    await assertPlugins([plugin, name, packageName], rules);
    return original(plugin, options, ...rest);
  });
  replace('enable', (original) => async (names, ...rest) => {
    await assertPlugins([names].flat(), rules);
    return original(names, ...rest);
  });
  // It runs files of packages that rows name by any path. An instance has all the commands that it needs.
  replace('loadCommands', () => () => Promise.resolve());
  return missing;
}

async function assertPlugins(names: unknown[], rules: PluginRules): Promise<void> {
  for (const name of names) {
    if (typeof name !== 'string') continue;
    rules.assertPlugin(name);
    if (isLibraryOnce(name)) rules.refuseLibrary(name);
    const packageName = await packageOf(name);
    if (packageName) rules.assertPlugin(packageName);
  }
}

/** Names of plugins that were found. A boot asks for each of some eighty twice. */
const plugins = new Set<string>();

function isLibraryOnce(name: string): boolean {
  if (plugins.has(name)) return false;
  if (isLibrary(name)) return true;
  if (plugins.size < MAX_KNOWN) plugins.add(name);
  return false;
}

/** The package that NocoBase takes for a name; undefined for a name that NocoBase itself refuses. */
async function packageOf(name: string): Promise<string | undefined> {
  try {
    return ((await PluginManager.parseName(name)) as { packageName?: string }).packageName;
  } catch {
    return undefined;
  }
}

function guardCommands(app: Application, rules: PluginRules): void {
  const run = app.runAsCLI.bind(app);
  app.runAsCLI = async (argv = process.argv, options = undefined) => {
    try {
      rules.assertCommand(options?.from === 'user' ? argv : argv.slice(2));
    } catch (error) {
      if (options?.throwError) throw error;
      // NocoBase's actions call this without awaiting it.
      app.log.warn(String(error), { module: 'app-supervisor' });
      return undefined as never;
    }
    return run(argv, options);
  };
}

import path from 'node:path';
import type { Application } from '@nocobase/server';
import { guardPluginManager } from '../../../server/nocobase/plugin-manager';
import { guardTenant, refuseActions } from '../../../server/tenancy/tenant-guard';

jest.mock('@nocobase/server', () => ({
  PluginManager: {
    getPluginPkgPrefix: () => ['@nocobase/plugin-'],
    parseName: (name: string) => {
      if (name.includes('..')) return Promise.reject(new Error('Invalid plugin package name'));
      return Promise.resolve({ packageName: name.startsWith('@') ? name : `@nocobase/plugin-${name}` });
    },
  },
}));

const METHODS = ['create', 'pull', 'addViaCLI', 'addByNpm', 'addByFile', 'addByCompressedFileUrl', 'update'];
METHODS.push('upgradeByNpm', 'upgradeByCompressedFileUrl', 'remove', 'addOrThrow', 'enable', 'loadCommands');

/** An instance whose plugin manager writes down what reaches it. */
function instance() {
  const calls: string[] = [];
  const warnings: string[] = [];
  const manager = () =>
    Object.fromEntries(
      METHODS.map((name) => [name, (first: unknown) => Promise.resolve(calls.push(`${name} ${String(first)}`))]),
    );
  const app = {
    name: 'crm',
    pm: manager(),
    log: { warn: (message: string) => warnings.push(message) },
    init: () => {
      app.pm = manager();
    },
    on: () => app,
    runAsCLI: (argv: string[]) => Promise.resolve(calls.push(`run ${argv.join(' ')}`)),
  };
  return { app, calls, warnings };
}

type Calls = Record<string, (...args: unknown[]) => Promise<unknown>>;
const managerOf = (app: { pm: unknown }) => app.pm as Calls;
const PACKAGES = METHODS.slice(0, 10);

const { NODE_MODULES_PATH } = process.env;
beforeAll(() => {
  process.env.NODE_MODULES_PATH = path.resolve('host/node_modules');
});
afterAll(() => {
  if (NODE_MODULES_PATH === undefined) delete process.env.NODE_MODULES_PATH;
  else process.env.NODE_MODULES_PATH = NODE_MODULES_PATH;
});

describe('plugin manager of an instance', () => {
  it.each(PACKAGES)('%s is refused, also after a reload', async (method) => {
    const { app, calls } = instance();
    guardTenant(app as unknown as Application, { tenantPlugins: false }, () => undefined);
    await expect(managerOf(app)[method]?.('x')).rejects.toMatchObject({ code: 'APP_PLUGINS_MANAGED_BY_MAIN' });
    app.init();
    await expect(managerOf(app)[method]?.('x')).rejects.toMatchObject({ code: 'APP_PLUGINS_MANAGED_BY_MAIN' });
    expect(calls).toEqual([]);
  });

  it('packages may be changed if tenants are trusted', async () => {
    const { app, calls } = instance();
    guardTenant(app as unknown as Application, { tenantPlugins: true }, () => undefined);
    for (const method of PACKAGES) await managerOf(app)[method]?.('x');
    expect(calls).toEqual(PACKAGES.map((method) => `${method} x`));
  });

  it.each([
    ['multi-app-manager', {}],
    ['@nocobase/plugin-multi-app-manager', {}],
    ['users', { name: 'users', packageName: '@nocobase/plugin-multi-app-manager' }],
    ['users', { name: 'multi-app-manager' }],
    ['nocobase-plugin-app-supervisor', {}],
    [class {}, { packageName: 'nocobase-plugin-app-supervisor' }],
  ])('does not add %p with %p, trusted or not', async (plugin, options) => {
    for (const tenantPlugins of [false, true]) {
      const { app, calls } = instance();
      guardTenant(app as unknown as Application, { tenantPlugins }, () => undefined);
      await expect(managerOf(app).addOrThrow?.(plugin, options)).rejects.toMatchObject({
        code: 'APP_PLUGINS_MANAGED_BY_MAIN',
      });
      expect(calls).toEqual([]);
    }
  });

  it.each<[string, { name?: string; packageName?: string }]>([
    ['mathjs', {}],
    ['@nocobase/app', {}],
    ['users', { name: 'users', packageName: 'mathjs' }],
    ['users', { name: '@nocobase/cli' }],
  ])('does not load the library in %p with %p, trusted or not', async (plugin, options) => {
    for (const tenantPlugins of [false, true]) {
      const { app, calls } = instance();
      guardTenant(app as unknown as Application, { tenantPlugins }, () => undefined);
      const refusal = { code: 'APP_PLUGINS_MANAGED_BY_MAIN' };
      await expect(managerOf(app).addOrThrow?.(plugin, options)).rejects.toMatchObject(refusal);
      const library = options.packageName ?? options.name ?? plugin;
      await expect(managerOf(app).enable?.(['users', library])).rejects.toMatchObject(refusal);
      expect(calls).toEqual([]);
    }
  });

  it('adds and enables other plugins, and leaves names that NocoBase refuses to NocoBase', async () => {
    const { app, calls } = instance();
    guardTenant(app as unknown as Application, { tenantPlugins: false }, () => undefined);
    const manager = managerOf(app);
    await manager.addOrThrow?.('users', { name: 'users' });
    await manager.addOrThrow?.('../x');
    await manager.enable?.(['users', 'auth']);
    expect(calls).toEqual(['addOrThrow users', 'addOrThrow ../x', 'enable users,auth']);
    await expect(manager.enable?.(['users', 'multi-app-manager'])).rejects.toMatchObject({ status: 403 });
  });

  it('runs no command files of packages', async () => {
    const { app, calls } = instance();
    guardTenant(app as unknown as Application, { tenantPlugins: false }, () => undefined);
    await managerOf(app).loadCommands?.();
    expect(calls).toEqual([]);
  });

  it('refuses a command: throws if the caller asked for that, and else logs it', async () => {
    const { app, calls, warnings } = instance();
    guardTenant(app as unknown as Application, { tenantPlugins: false }, () => undefined);
    const run = app.runAsCLI as unknown as (argv: string[], options?: object) => Promise<unknown>;
    await expect(run(['pm', 'remove', 'x'], { from: 'user', throwError: true })).rejects.toMatchObject({ status: 403 });
    await expect(run(['pm', 'remove', 'x'], { from: 'user' })).resolves.toBeUndefined();
    await expect(run(['node', 'nocobase', 'pm', 'add', 'x'])).resolves.toBeUndefined();
    await expect(run(['node', 'nocobase', 'restore', 'x'], { throwError: true })).rejects.toMatchObject({
      code: 'APP_ACTION_LEAVES_APPLICATION',
    });
    expect([calls, warnings.length]).toEqual([[], 2]);
    await run(['restart'], { from: 'user' });
    expect(calls).toEqual(['run restart']);
  });

  it('names the members that a version of NocoBase lacks, and guards the others', async () => {
    const { app } = instance();
    delete (app.pm as Record<string, unknown>).pull;
    delete (app as { init?: unknown }).init;
    const refuse = () => {
      throw new Error('refused');
    };
    const rules = { assertPackages: refuse, assertPlugin: refuse, refuseLibrary: refuse, assertCommand: refuse };
    expect(guardPluginManager(app as unknown as Application, rules)).toEqual(['init', 'pull']);
    await expect(managerOf(app).remove?.('x')).rejects.toThrow('refused');
  });
});

describe('actions of a sub-application', () => {
  const call = async (resourceName: string, actionName: string, filterByTk?: unknown, tenantPlugins = false) => {
    let reached = false;
    await refuseActions({ tenantPlugins }, true)(
      { action: { resourceName, actionName, params: { filterByTk } } },
      () => {
        reached = true;
        return Promise.resolve();
      },
    );
    return reached;
  };

  it.each([
    ['pm', 'add', undefined],
    ['pm', 'remove', 'locale-tester'],
    ['pm', 'enable', 'multi-app-manager'],
    ['pm', 'enable', ['users', 'a,@nocobase/plugin-multi-app-manager']],
    ['pm', 'disable', 'nocobase-plugin-app-supervisor'],
    ['pm', 'enable', '@nocobase/app'],
    ['pm', 'enable', ['users,mathjs']],
    ['applicationPlugins', 'create', undefined],
  ])('%s:%s of %p answers 403 APP_PLUGINS_MANAGED_BY_MAIN', async (resource, action, filterByTk) => {
    await expect(call(resource, action, filterByTk)).rejects.toMatchObject({
      code: 'APP_PLUGINS_MANAGED_BY_MAIN',
      status: 403,
    });
  });

  it('other actions pass, and those of packages if tenants are trusted', async () => {
    await expect(call('users', 'list')).resolves.toBe(true);
    await expect(call('pm', 'enable', 'users')).resolves.toBe(true);
    await expect(call('pm', 'add', undefined, true)).resolves.toBe(true);
    await expect(call('pm', 'enable', 'multi-app-manager', true)).rejects.toMatchObject({ status: 403 });
  });
});

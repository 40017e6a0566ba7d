import fc from 'fast-check';
import {
  isLanguage,
  judgeTenantAction,
  judgeTenantCommand,
  managesApplications,
  namedPlugins,
} from '../../../src/policies/tenant-actions';

const PLUGINS = 'APP_PLUGINS_MANAGED_BY_MAIN';
const LEAVES = 'APP_ACTION_LEAVES_APPLICATION';

describe('tenant actions: which actions a sub-application refuses', () => {
  it.each([
    ['pm', 'add', PLUGINS],
    ['pm', 'update', PLUGINS],
    ['pm', 'remove', PLUGINS],
    ['pm', 'npmVersionList', PLUGINS],
    ['pm', 'create', PLUGINS],
    ['pm', 'pull', PLUGINS],
    ['pm', 'destroy', PLUGINS],
    ['pm', '__proto__', PLUGINS],
    ['pm', 'list', undefined],
    ['pm', 'listEnabled', undefined],
    ['pm', 'listEnabledV2', undefined],
    ['pm', 'get', undefined],
    ['pm', 'enable', undefined],
    ['pm', 'disable', undefined],
    ['applicationPlugins', 'create', PLUGINS],
    ['applicationPlugins', 'update', PLUGINS],
    ['applicationPlugins', 'updateOrCreate', PLUGINS],
    ['applicationPlugins', 'firstOrCreate', PLUGINS],
    ['applicationPlugins', 'destroy', PLUGINS],
    ['applicationPlugins', 'importXlsx', PLUGINS],
    ['applicationPlugins', 'list', undefined],
    ['license', 'license-key', LEAVES],
    ['license', 'instance-id', LEAVES],
    ['license', 'is-exists', undefined],
    ['backups', 'restore', undefined],
    ['backups', 'upload', undefined],
    ['backups', 'create', undefined],
    ['backup', 'restore', undefined],
    ['backup', 'restoreUpload', LEAVES],
    ['backupFiles', 'restore', LEAVES],
    ['backupFiles', 'upload', LEAVES],
    ['asyncTasks', 'create', LEAVES],
    ['asyncTasks', 'update', LEAVES],
    ['asyncTasks', 'fetchFile', undefined],
    ['app', 'restart', undefined],
    ['app', 'clearCache', undefined],
    ['users', 'create', undefined],
    ['constructor', 'add', undefined],
    ['__proto__', 'add', undefined],
    ['toString', 'call', undefined],
  ])('%s:%s is judged as %s', (resource, action, expected) => {
    expect(judgeTenantAction(resource, action)).toBe(expected);
  });

  it.each([
    '../backup.nbdump',
    '/etc/passwd',
    'a/b',
    '..',
    '.',
    '',
    'a\\b',
    'x\0',
    ['a'],
    { a: 1 },
    undefined,
    null,
    7,
  ])('backupFiles:destroy refuses %p, which is no name of a file', (filterByTk) => {
    for (const action of ['get', 'download', 'destroy']) {
      expect(judgeTenantAction('backupFiles', action, { filterByTk })).toBe(LEAVES);
    }
  });

  it('backupFiles:download accepts the name of a backup', () => {
    const filterByTk = 'backup_20261129_1200_4711.nbdump';
    expect(judgeTenantAction('backupFiles', 'download', { filterByTk })).toBeUndefined();
  });

  it('an uploaded backup is refused if the database client runs it as a script', () => {
    expect(judgeTenantAction('backups', 'upload', { postgres: false })).toBe(LEAVES);
  });

  it('a restore of an own backup is refused if the database client runs it as a script', () => {
    for (const resource of ['backups', 'backup']) {
      expect(judgeTenantAction(resource, 'restore', { postgres: false })).toBe(LEAVES);
      expect(judgeTenantAction(resource, 'create', { postgres: false })).toBeUndefined();
    }
  });
});

describe('tenant commands: which words of a command line an instance refuses', () => {
  it.each([
    [['pm', 'add', 'x'], PLUGINS],
    [['pm', 'update', 'x'], PLUGINS],
    [['pm', 'remove', 'x'], PLUGINS],
    [['pm', 'pull', 'x'], PLUGINS],
    [['pm', 'create', 'x'], PLUGINS],
    [['pm', 'enable-all'], PLUGINS],
    [['pm'], PLUGINS],
    [['pm', 'enable', 'x'], undefined],
    [['pm', 'disable', 'x'], undefined],
    [['restart'], undefined],
    [['refresh'], undefined],
    [['start', '--quickstart'], undefined],
    [['stop'], undefined],
    [['install', '--force'], undefined],
    [['upgrade'], undefined],
    [['destroy'], undefined],
    [['restore', '-f', '/tmp/x'], LEAVES],
    [['db:clean', '-y'], LEAVES],
    [['console'], LEAVES],
    [['create-migration', 'x'], LEAVES],
    [['--app', 'main'], LEAVES],
    [[], LEAVES],
  ])('%p is judged as %s', (words, expected) => {
    expect(judgeTenantCommand(words)).toBe(expected);
  });
});

describe('tenant plugins: which plugins manage other applications', () => {
  it.each([
    'multi-app-manager',
    '@nocobase/plugin-multi-app-manager',
    ' Multi-App-Manager ',
    'nocobase-plugin-app-supervisor',
    'app-supervisor',
    '@nocobase/plugin-app-supervisor',
    'multi-app-share-collection',
  ])('%p is never loaded into an instance', (name) => {
    expect(managesApplications(name)).toBe(true);
  });

  it.each(['users', '@nocobase/plugin-users', 'backups', '', 'multi-app', 'manager'])('%p may be loaded', (name) => {
    expect(managesApplications(name)).toBe(false);
  });

  it('finds the plugins that a call names, in each form that NocoBase reads', () => {
    expect(namedPlugins('a, multi-app-manager')).toEqual(['a', 'multi-app-manager']);
    expect(namedPlugins(['a', 'b,c'])).toEqual(['a', 'b', 'c']);
    expect(namedPlugins({ 0: 'a' })).toEqual([]);
    expect(namedPlugins(undefined)).toEqual([]);
  });

  it('finds a manager among any other names', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (before, after) => {
        const names = namedPlugins([...before, 'multi-app-manager', ...after].join(','));
        expect(names.some(managesApplications)).toBe(true);
      }),
    );
  });
});

describe('tenant languages: which texts may stand in the name of a file', () => {
  it.each(['en-US', 'zh-CN', 'pt_BR', 'fr', 'sr-Cyrl-RS', 'vi-VN'])('%p is a language', (text) => {
    expect(isLanguage(text)).toBe(true);
  });

  it.each(['../x', '..', 'en/../../x', 'en-US.js', 'en\\US', '', 'en US', 'en\0', '/etc/passwd', 7, null, ['en']])(
    '%p is no language',
    (text) => expect(isLanguage(text)).toBe(false),
  );

  it('lets no text with a separator of paths pass', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('/', '\\', '.', '\0', ':'), fc.string(), (before, mark, after) => {
        expect(isLanguage(`${before}${mark}${after}`)).toBe(false);
      }),
    );
  });
});

import { isConfirmed, isRestore, replacesMain } from '../../../src/policies/main-restore';

describe('main restore: which actions restore a backup of the main application', () => {
  it.each([
    ['backups', 'restore', true],
    ['backups', 'upload', true],
    ['backup', 'restore', true],
    ['backup', 'restoreUpload', true],
    ['backupFiles', 'restore', true],
    ['backups', 'create', false],
    ['backups', 'restoreStatus', false],
    ['backup', 'upload', false],
    ['backupFiles', 'upload', false],
    ['users', 'restore', false],
    ['__proto__', 'restore', false],
    [undefined, undefined, false],
  ])('%s:%s: %s', (resource, action, expected) => expect(isRestore(resource, action)).toBe(expected));

  it.each([
    [true, true],
    ['true', true],
    ['1', false],
    [1, false],
    ['false', false],
    [['true'], false],
    [{}, false],
    [undefined, false],
  ])('the parameter %p confirms: %s', (value, expected) => expect(isConfirmed(value)).toBe(expected));
});

describe('main restore: which commands replace the database of the main application', () => {
  it.each([
    [['backup.nbdata'], {}, true],
    [['backup.nbdata', '--confirm-applications'], {}, false],
    [['backup.nbdata'], { schema: 'ops' }, false],
    [['backup.nbdata'], { schema: '' }, true],
    [['backup.nbdata'], { schema: true }, true],
    [['backup.nbdata'], { database: 'main' }, true],
    [['backup.nbdata'], { database: 'other' }, false],
    [['backup.nbdata'], { app: 'crm' }, false],
    [[], {}, true],
  ])('restore %p with %p: %s', (words, options, expected) => {
    expect(replacesMain({ words, options }, 'main')).toBe(expected);
  });
});

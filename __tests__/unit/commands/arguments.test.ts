import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readArguments, readsInput, valuesOf } from '../../../server/commands/arguments';
import { CommandFailure } from '../../../server/commands/failure';

function refusal(argv: string[], then: (read: ReturnType<typeof readArguments>) => unknown = () => undefined) {
  try {
    then(readArguments(argv));
  } catch (error) {
    if (error instanceof CommandFailure)
      return [error.exit, error.params.option ?? error.params.usage ?? error.sentence];
    throw error;
  }
  return 'taken';
}

describe('what was typed', () => {
  it('names a verb, its words and its options, in any order', () => {
    const { spec, words, options } = readArguments(['stop', '--wait', 'crm', '--json', 'hr', '--timeout=5']);
    expect([spec?.verb, words, options.wait, options.json, options.timeout]).toEqual([
      'stop',
      ['crm', 'hr'],
      true,
      true,
      '5',
    ]);
  });

  it('asks for help in every way that people try', () => {
    expect(readArguments([]).options.help).toBe(false);
    for (const words of [['--help'], ['-h'], ['help']]) {
      expect([words, readArguments(words).spec, readArguments(words).options.help]).toEqual([words, undefined, true]);
    }
    for (const words of [
      ['help', 'stop'],
      ['stop', '--help'],
      ['stop', '-h'],
    ]) {
      expect([readArguments(words).spec?.verb, readArguments(words).options.help]).toEqual(['stop', true]);
    }
  });

  it.each([
    [['halt'], [2, 'There is no command "{verb}"; there are: {verbs}.']],
    [['stop'], [2, 'nocobase app stop <id…>']],
    [
      ['show', 'a', 'b'],
      [2, 'nocobase app show <id>'],
    ],
    [
      ['list', '--purge'],
      [2, '--purge'],
    ],
    [
      ['list', '-x'],
      [2, '-x'],
    ],
    [
      ['logs', 'crm', '--lines'],
      [2, '--lines'],
    ],
    [
      ['list', '--json=yes'],
      [2, '--json'],
    ],
    ...['0', '2000001', '999999999', 'abc', '1.5', ''].map(
      (seconds) =>
        [
          ['stop', 'crm', '--timeout', seconds],
          [2, 'timeout'],
        ] as [string[], unknown[]],
    ),
    [
      ['create', 'crm', '--password-file', '-', '--values', '@-'],
      [2, 'Only one option can be read from standard input.'],
    ],
  ])('%j is refused', (argv, expected) => {
    expect(refusal(argv)).toEqual(expected);
  });

  it('becomes the body of a call, single options above --values', () => {
    const typed = [
      'create',
      'crm',
      '--display-name',
      'Sales',
      '--domain',
      '',
      '--idle-timeout',
      '0',
      '--keep-awake',
      'yes',
    ];
    const json = '{"icon":"x","displayName":"Other","options":{"lang":"de-DE","database":{"port":1}}}';
    const read = readArguments([...typed, '--host', 'db2', '--adopt', '--values', json]);
    expect(valuesOf(read)).toEqual({
      icon: 'x',
      displayName: 'Sales',
      cname: null,
      idleTimeout: 0,
      keepAwake: true,
      adopt: true,
      options: { lang: 'de-DE', database: { port: 1, host: 'db2' } },
    });
  });

  it('takes a password from a file, without the end of its line', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'app-command-'));
    try {
      const file = path.join(folder, 'secret');
      writeFileSync(file, ' p w \n');
      expect(valuesOf(readArguments(['create', '--admin-password-file', file]))).toEqual({
        admin: { password: ' p w ' },
      });
      writeFileSync(file, '{"hidden":true}');
      expect(valuesOf(readArguments(['create', '--values', `@${file}`]))).toEqual({ hidden: true });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('takes from standard input what is said to come from there', () => {
    const read = readArguments(['create', '--admin-password-file', '-']);
    expect([readsInput(read), readsInput(readArguments(['create', '--values', '{}']))]).toEqual([true, false]);
    expect(valuesOf({ ...read, input: 'p w\n' })).toEqual({ admin: { password: 'p w' } });
    const values = readArguments(['create', '--values', '@-']);
    expect([readsInput(values), valuesOf({ ...values, input: '{"hidden":true}' })]).toEqual([true, { hidden: true }]);
  });

  it.each([
    [['create', '--keep-awake', 'perhaps'], 'keep-awake'],
    [['create', '--idle-timeout', '1.5'], 'idle-timeout'],
    [['create', '--idle-timeout', 'x'], 'idle-timeout'],
    [['create', '--values', '[1]'], '--values wants a JSON object.'],
    [['create', '--values', '{'], '--values wants a JSON object.'],
  ])('%j makes no body', (argv, expected) => {
    expect(refusal(argv, valuesOf)).toEqual([2, expected]);
  });
});

describe('command line: limits', () => {
  it('command line: sets limits, and returns them to the default with an empty value', () => {
    const argv = ['update', 'crm', '--limit-request-rate', '50', '--limit-body=', '--limit-websocket-messages=0'];
    expect(valuesOf(readArguments(argv))).toEqual({ limits: { requestRate: 50, body: null, websocketMessages: 0 } });
  });

  it('command line: refuses a limit that is no number', () => {
    expect(refusal(['update', 'crm', '--limit-users', 'many'], valuesOf)[1]).toBe('limit-users');
  });
});

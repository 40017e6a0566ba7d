import {
  ADMINISTRATOR,
  DATABASE,
  DESCRIBED,
  JSON_OPTION,
  LANGUAGE,
  VALUES,
  WAIT,
  YES,
  type OptionSpec,
} from './options';

/** One verb, as the parser reads it and the help teaches it. */
export interface VerbSpec {
  verb: string;
  /** Its words after the verb: `<id>` is needed, `[id]` may stay away, `…` stands for several. */
  words: string;
  /** How many words there may be. */
  least: number;
  most: number;
  text: string;
  /** What else one should know. */
  more?: readonly string[];
  options: readonly OptionSpec[];
  /** What is typed, and what it does. */
  examples: readonly (readonly [string, string])[];
}

const SEVERAL = { words: '<id…>', least: 1, most: Infinity };
const ONE = { words: '<id>', least: 1, most: 1 };
const NONE = { words: '', least: 0, most: 0 };
const LIMITS = 'A limit of 0 means no limit; "" returns it to the default of all applications.';
const PATTERNS = 'An ID may hold * and ?, and then stands for all that match; put it into quotes.';

export const VERBS: readonly VerbSpec[] = [
  {
    ...{ verb: 'list', ...NONE },
    text: 'Lists the applications.',
    options: [
      { name: 'status', short: 's', value: 'states', text: 'only those in these states, with commas' },
      { name: 'name', short: 'n', value: 'pattern', text: 'only those whose ID or name matches, with * and ?' },
      { name: 'removed', text: 'those that were removed and can be restored' },
      JSON_OPTION,
    ],
    examples: [
      ['list', 'all of them'],
      ['list --status failed,quarantined', 'those that did not come up'],
      ["list --name 'crm*' --json", 'some of them, for a script'],
    ],
  },
  {
    ...{ verb: 'show', ...ONE },
    text: 'Shows one application: its state, its addresses, its database, what happened to it last.',
    options: [JSON_OPTION],
    examples: [['show crm', 'everything about crm']],
  },
  {
    ...{ verb: 'create', words: '[id]', least: 0, most: 1 },
    text: 'Makes a new application.',
    more: ['Without an ID it is made from the display name.', LIMITS],
    options: [...DESCRIBED, LANGUAGE, ...ADMINISTRATOR, ...DATABASE, VALUES, ...WAIT, JSON_OPTION],
    examples: [
      ['create crm --display-name "Sales" --wait', 'make it, and wait until it is ready'],
      [
        'create crm --admin-email eve@example.com --admin-password-file - < secret',
        'with an administrator of its own; the password never stands in a list of processes',
      ],
      ['create old --database legacy --adopt', 'take in what a database holds'],
      ['create crm --values \'{"options":{"lang":"de-DE"}}\'', 'with anything that REST takes'],
    ],
  },
  {
    ...{ verb: 'update', ...ONE },
    text: 'Changes what is told of an application.',
    more: [LIMITS],
    options: [...DESCRIBED, ...DATABASE.filter(({ name }) => name === 'password-file'), VALUES, JSON_OPTION],
    examples: [
      ['update crm --domain crm.example.com', 'give it a domain'],
      ['update crm --idle-timeout 600 --start-mode eager', 'change how it sleeps and starts'],
      [
        'update crm --limit-users 50 --limit-request-rate ""',
        'limit its users, and let the default hold for its requests',
      ],
    ],
  },
  {
    ...{ verb: 'start', ...SEVERAL },
    text: 'Starts applications; also one that was stopped, or that failed.',
    more: [PATTERNS],
    options: [...WAIT, JSON_OPTION],
    examples: [
      ['start crm --wait', 'start it, and say when it is up'],
      ["start 'shop-*'", 'start all shops'],
    ],
  },
  {
    ...{ verb: 'stop', ...SEVERAL },
    text: 'Stops applications; they stay stopped until they are started.',
    more: [PATTERNS],
    options: [...WAIT, JSON_OPTION],
    examples: [['stop crm hr', 'stop two']],
  },
  {
    ...{ verb: 'restart', ...SEVERAL },
    text: 'Stops applications and starts them again.',
    more: [PATTERNS],
    options: [...WAIT, JSON_OPTION],
    examples: [['restart crm --wait', 'and say when it is up again']],
  },
  {
    ...{ verb: 'upgrade', words: '[id…]', least: 0, most: Infinity },
    text: 'Brings the databases of applications up to date with the installed NocoBase and its plugins.',
    more: [PATTERNS],
    options: [
      { name: 'all', text: 'all applications' },
      { name: 'force', text: 'also those that are up to date' },
      { name: 'plan', text: 'change nothing, and tell what would be done' },
      ...WAIT,
      JSON_OPTION,
    ],
    examples: [
      ['upgrade --all --plan', 'which are behind'],
      ['upgrade --all --wait', 'upgrade them, a few at a time'],
      ['upgrade crm hr', 'only these'],
    ],
  },
  {
    ...{ verb: 'isolate', words: '[id…]', least: 0, most: Infinity },
    text: 'Gives applications a database role of their own, or repairs the one that they have.',
    more: [PATTERNS, 'An application is down meanwhile and comes back by itself.'],
    options: [{ name: 'all', text: 'all applications that have none yet' }, JSON_OPTION],
    examples: [
      ['isolate --all', 'after an upgrade of the plugin'],
      ['isolate crm', 'also after a restore of its database'],
    ],
  },
  {
    ...{ verb: 'clone', words: '<id> [new id]', least: 1, most: 2 },
    text: 'Makes a new application with a copy of the data of another one.',
    options: [
      ...DESCRIBED.filter(({ name }) => ['display-name', 'domain', 'start-mode'].includes(name)),
      ...ADMINISTRATOR,
      ...WAIT,
      JSON_OPTION,
    ],
    examples: [['clone crm crm-test --wait', 'a copy to try things in']],
  },
  {
    ...{ verb: 'export', ...ONE },
    text: 'Packs an application, its database and its files, into one archive.',
    more: ['The archive is as secret as the application. It is kept on the server until its time is over.'],
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'file',
        text: 'write the archive to this file, or - for standard output; waits',
      },
      YES,
      ...WAIT,
      JSON_OPTION,
    ],
    examples: [
      ['export crm --wait', 'into the folder of archives on the server'],
      ['export crm --output crm.tar', 'into a file'],
    ],
  },
  {
    ...{ verb: 'import', words: '[id]', least: 0, most: 1 },
    text: 'Makes an application from an archive.',
    options: [
      { name: 'file', short: 'f', value: 'file', text: 'the archive, sent to the server' },
      { name: 'archive', value: 'name', text: 'an archive in the folder on the server' },
      ...DESCRIBED,
      ...DATABASE.filter(({ name }) => name !== 'adopt'),
      VALUES,
      ...WAIT,
      JSON_OPTION,
    ],
    examples: [
      ['import crm --file crm.tar --wait', 'from a file'],
      ['import crm2 --archive crm-20260101.tar', 'from the folder of archives on the server'],
    ],
  },
  {
    ...{ verb: 'archives', words: '[id]', least: 0, most: 1 },
    text: 'Lists the archives on the server, of one application or of all.',
    options: [JSON_OPTION],
    examples: [['archives crm', 'the latest first']],
  },
  {
    ...{ verb: 'download', words: '<archive>', least: 1, most: 1 },
    text: 'Downloads an archive from the server.',
    options: [
      { name: 'output', short: 'o', value: 'file', text: 'write it to this file, or - for standard output' },
      YES,
      JSON_OPTION,
    ],
    examples: [['download crm-20260101T000000Z-1a2b.tar', 'into the current folder, under its name']],
  },
  {
    ...{ verb: 'remove', ...SEVERAL },
    text: 'Removes applications. They can be restored until their time is over.',
    more: [PATTERNS, 'The database is kept unless --drop-database is said.'],
    options: [
      {
        name: 'drop-database',
        text: 'drop the database too, if it was made for the application, when its time is over',
      },
      { name: 'purge', text: 'at once and for good' },
      YES,
      JSON_OPTION,
    ],
    examples: [
      ['remove crm', 'asks, and can be taken back'],
      ['remove crm --purge --drop-database --yes', 'at once, with its data, without a question'],
    ],
  },
  {
    ...{ verb: 'restore', ...ONE },
    text: 'Takes back a removal.',
    options: [...WAIT, JSON_OPTION],
    examples: [
      ['list --removed', 'what can be restored'],
      ['restore crm', 'bring it back as it was'],
    ],
  },
  {
    ...{ verb: 'purge', words: '<id…>', least: 1, most: Infinity },
    text: 'Deletes removed applications permanently, before their retention period ends.',
    more: ['A database is dropped if that was said when the application was removed.'],
    options: [YES, JSON_OPTION],
    examples: [['purge crm --yes', 'without a question']],
  },
  {
    ...{ verb: 'check-database', words: '[id]', least: 0, most: 1 },
    text: 'Tells whether an application could be made with a database, and changes nothing.',
    options: [...DATABASE, VALUES, JSON_OPTION],
    examples: [
      ['check-database crm', 'beside the main application’s database'],
      [
        'check-database crm --database-type new_connection --dialect postgres --host db2 --user noco --password-file -',
        'on another server',
      ],
    ],
  },
  {
    ...{ verb: 'accept-database', ...ONE },
    text: 'Accepts the database of an application that does not carry its ownership marker, and starts the application.',
    options: [YES, ...WAIT, JSON_OPTION],
    examples: [['accept-database crm --wait', 'after its database was restored from a dump without the marker']],
  },
  {
    ...{ verb: 'reset-password', ...ONE },
    text: 'Sets the password of an administrator of an application.',
    more: [
      'Without --account, it is the first administrator. Without --password-file, a password is generated and printed.',
      'NocoBase ends the sessions of the account; its API keys stay valid.',
    ],
    options: [
      { name: 'account', value: 'name', field: 'account', text: 'user name or e-mail address of the account' },
      {
        ...{ name: 'password-file', value: 'file', field: 'password', kind: 'secret' },
        text: 'a file with the new password, or - for standard input',
      },
      JSON_OPTION,
    ],
    examples: [['reset-password crm --account ada', 'a generated password for ada']],
  },
  {
    ...{ verb: 'wait', ...SEVERAL },
    text: 'Waits until applications run, or are in another state.',
    more: [
      PATTERNS,
      'It starts nothing, and it also waits for a NocoBase that does not run yet. It ends at once if an application failed.',
    ],
    options: [
      { name: 'for', value: 'states', text: 'the states that are waited for, with commas (running)' },
      ...WAIT.filter(({ name }) => name === 'timeout'),
      JSON_OPTION,
    ],
    examples: [
      ['wait crm --timeout 120', 'in a script, after NocoBase was started'],
      ["wait 'shop-*' --for asleep,stopped", 'until all shops rest'],
    ],
  },
  {
    ...{ verb: 'url', ...ONE },
    text: 'Prints the address of an application.',
    options: [JSON_OPTION],
    examples: [['url crm', 'for a script, or to open it']],
  },
  {
    ...{ verb: 'open', ...ONE },
    text: 'Opens an application in the browser, and prints its address.',
    options: [JSON_OPTION],
    examples: [['open crm', 'on a machine with a desktop']],
  },
  {
    ...{ verb: 'events', ...ONE },
    text: 'What happened to an application, the latest last; also after its removal.',
    options: [{ name: 'limit', short: 'l', value: 'number', text: 'how many (20, at most 200)' }, JSON_OPTION],
    examples: [['events crm --limit 50', 'and by whom']],
  },
  {
    ...{ verb: 'status', ...NONE },
    text: 'The supervisor as a whole: applications by state, memory, connections, the boot queue.',
    options: [JSON_OPTION],
    examples: [['status', 'is everything well?']],
  },
  {
    ...{ verb: 'logs', ...ONE },
    text: 'The end of an application’s own log.',
    more: ['With --follow and --json each line is a line of JSON.'],
    options: [
      { name: 'lines', short: 'n', value: 'number', text: 'how many (200, at most 1000)' },
      { name: 'follow', short: 'f', text: 'go on with what is added, until Ctrl-C' },
      JSON_OPTION,
    ],
    examples: [
      ['logs crm --lines 50', 'the last 50 lines'],
      ['logs crm --follow', 'and all that follow'],
    ],
  },
  {
    ...{ verb: 'completion', words: '<shell>', least: 1, most: 1 },
    text: 'Prints the script by which bash, zsh or fish completes nocobase-app.',
    options: [],
    examples: [
      ['completion bash > /etc/bash_completion.d/nocobase-app', 'for all users'],
      ['completion fish > ~/.config/fish/completions/nocobase-app.fish', 'for one'],
    ],
  },
];

import { readLogLines } from '../../src/log-lines';
import { redact, redactText } from '../../server/app-options';

/** As NocoBase 2.2.15 writes them, each with its stack and its quotation marks. */
const STACK = 'Error: it broke\n    at one (/x.cjs:5:9)\n    at 2026-01-01 00:00:00';
const TIME = '2026-11-25 21:24:30';
const AT = new Date('2026-11-25T21:24:30').toISOString();
const LOGS = {
  json: [
    `{"level":"warn","message":"plain warning","extra":{},"meta":{},"module":"x","app":"crm","timestamp":"${TIME}"}`,
    `{"level":"warn","message":"a | bar and a \\"quote\\"","meta":{},"app":"crm","timestamp":"${TIME}"}`,
    `{"level":"error","message":"it broke","stack":${JSON.stringify(STACK)},"app":"crm","timestamp":"${TIME}"}`,
  ],
  delimiter: [
    `warn|plain warning|{"a":"no"}||{"a":"no"}|x|||crm|r1|main|${TIME}`,
    `warn|"a | bar and a \\"quote\\""|{}||{}|application|||crm|r1|main|${TIME}`,
    `error|it broke|{}|${STACK}|{}|application|||crm|r1|main|${TIME}`,
  ],
  logfmt: [
    `level=warn message=plain warning extra={"a":"no"} stack= meta={} module=x app=crm dataSourceKey=main timestamp=${TIME}`,
    `level=warn message=a | bar and a "quote" extra={} stack= meta={} module=x app=crm dataSourceKey=main timestamp=${TIME}`,
    `level=error message=it broke extra={} stack=${STACK} meta={} module=x app=crm dataSourceKey=main timestamp=${TIME}`,
  ],
  console: [
    `\u001b[33m${TIME} [warn]  plain warning                    \u001b[39m extra={"a":"no"} module=x app=crm`,
    `${TIME} [warn]  a | bar and a "quote"                        module=application app=crm`,
    `${TIME} [error] it broke                                     stack=${STACK} module=application app=crm`,
  ],
};

describe('the lines of a log', () => {
  it.each(Object.keys(LOGS) as (keyof typeof LOGS)[])('are read in the format %s', (format) => {
    expect(readLogLines(`${LOGS[format].join('\n')}\n`)).toEqual([
      { at: AT, level: 'warn', message: 'plain warning' },
      { at: AT, level: 'warn', message: 'a | bar and a "quote"' },
      { at: AT, level: 'error', message: 'it broke' },
    ]);
  });

  it('are read in all formats after one another, without what is cut off at the beginning', () => {
    const text = ['the end of something"}', ...LOGS.json, ...LOGS.delimiter, ...LOGS.logfmt, ...LOGS.console].join(
      '\n',
    );
    expect(readLogLines(text)).toHaveLength(12);
  });

  it('are none of what is no log', () => {
    for (const text of ['', '\n\n', 'hello', '{"a":1}', '{', 'root:x:0:0', '[1]', 'null']) {
      expect(readLogLines(text)).toEqual([]);
    }
    expect(readLogLines('{"level":"info","message":{"a":1}}')).toEqual([
      { at: null, level: 'info', message: '{"a":1}' },
    ]);
  });

  it('have a level that there is, whoever has written them', () => {
    const line = JSON.stringify({ level: '\u001b[31mevil', message: 'm' });
    expect(readLogLines(line)).toEqual([{ at: null, level: 'info', message: 'm' }]);
  });
});

describe('text without secrets', () => {
  it.each([
    ['connect to postgres://nb:Planted@db:5432/x failed', 'connect to postgres://…@db:5432/x failed'],
    ['of mysql://nb:Plan/ted@1@db/x no', 'of mysql://…@db/x no'],
    ['at https://Planted@git.example/x', 'at https://…@git.example/x'],
    [`to postgres://nb:Planted${'x'.repeat(2_000)}@db/x`, 'to postgres://…@db/x'],
    ['https://Planted@a/b, then c://u:Planted@d', 'https://…@a/b, then c://…@d'],
    ['password=Planted and more', 'password=… and more'],
    [`{"password":"Planted","user":"nb"}`, `{"password":…,"user":"nb"}`],
    [`DB_PASSWORD = 'Planted 1'`, 'DB_PASSWORD = …'],
    ['GET /files/x?token=Planted&y=1', 'GET /files/x?token=…&y=1'],
    ['Authorization: Bearer Planted.x-y', 'Authorization: … …'],
    ['sent Bearer Planted', 'sent Bearer …'],
    ['it was eyJhbGciOi.eyJ1c2VySWQi.Planted-1_2 all the time', 'it was … all the time'],
    ['the secret of the application cannot be read', 'the secret of the application cannot be read'],
  ])('%s', (text, clean) => {
    expect(redactText(text, [])).toBe(clean);
  });

  // What takes the square of the length would not come to its end within the limit of a test.
  it.each(['a', 'a://', 'a://b:', '@a://b:', 'a://b/', 'a://@', 'timestamp=', 'token ', 'Bearer ', '"\\\\', 'eyJ.'])(
    'reads a word of a quarter of a megabyte that repeats %j in one go',
    (word) => {
      const text = word.repeat(262_144 / word.length);
      expect(redactText(text, ['s3cr3t!']).length).toBeGreaterThan(0);
      for (const begin of ['level=info message=', 'info|"', '2026-01-01 00:00:00 [info] ']) {
        expect(readLogLines(`${begin}${text}`)).toHaveLength(1);
      }
      expect(redact({ text })).toBeDefined();
    },
  );

  it('holds none of those that are known', () => {
    expect(redactText('it begins with s3cr3t! and ends with s3cr3t!', ['s3cr3t!'])).toBe(
      'it begins with … and ends with …',
    );
  });
});

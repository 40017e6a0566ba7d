import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { runAppCommand } from '../../../server/commands/app-command';
import type { Streams } from '../../../server/commands/terminal';
import { FakeSupervisor, type Reply } from '../../helpers/fake-supervisor';

const EVIL = 'x\u001b]0;OWNED\u0007\u001b[2J\u009b31m';
/** What moves a cursor, colours or rings. */
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/; // eslint-disable-line no-control-regex -- just these

/** The command in this process, with NocoBase's part played by a server of the test. */
describe('the command', () => {
  let folder: string;
  let server: FakeSupervisor;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'the-command-'));
    server = await new FakeSupervisor(path.join(folder, 's.sock')).listen();
  });

  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface Seen {
    code: Promise<number>;
    out: () => string;
    err: () => string;
    says: (pattern: RegExp) => Promise<void>;
  }

  const start = (
    argv: string[],
    {
      input = '',
      terminal = false,
      out,
      env = {},
    }: {
      input?: string | PassThrough;
      terminal?: boolean;
      out?: Writable;
      env?: NodeJS.ProcessEnv;
    } = {},
  ): Seen => {
    const said = { out: '', err: '' };
    const stream = (name: 'out' | 'err') =>
      Object.assign(new Writable({ write: (piece, _, done) => ((said[name] += String(piece)), done()) }), {
        isTTY: terminal,
      });
    const typed = typeof input === 'string' ? new PassThrough().end(input) : input;
    const streams = { in: Object.assign(typed, { isTTY: terminal }), out: out ?? stream('out'), err: stream('err') };
    const code = runAppCommand([...argv, '--socket', server.socket], env, streams as unknown as Streams);
    return {
      code,
      out: () => said.out,
      err: () => said.err,
      says: async (pattern) => {
        while (!pattern.test(said.out + said.err)) await new Promise((resolve) => setTimeout(resolve, 5));
      },
    };
  };

  const run = async (argv: string[], more: Parameters<typeof start>[1] = {}) => {
    const seen = start(argv, more);
    return { code: await seen.code, out: seen.out(), err: seen.err() };
  };

  /** Fails as a full disk or a closed pipe does. */
  const failing = (code: string) =>
    new Writable({
      write: (_piece, _, done) => setImmediate(done, Object.assign(new Error(code), { code, syscall: 'write' })),
    });

  const later =
    (ms: number, reply: Reply): Reply =>
    (res, asked) =>
      void setTimeout(() => reply(res, asked), ms);
  const job = {
    id: 1,
    kind: 'export',
    application: 'crm',
    archive: 'crm.tar',
    outcome: 'done',
    bytes: 1,
    warnings: [],
  };
  const cut: Reply = (res) => {
    res.writeHead(200, { 'Content-Length': '1000000' });
    res.write(Buffer.alloc(100_000));
  };

  describe('whose answer cannot be written', () => {
    beforeEach(() => {
      server.on('applications:list', []).on('applications:export', job);
      server.on('applications:downloadArchive', (res) => res.end('the archive'));
    });

    it('fails, unless nobody wants to read on', async () => {
      expect(await run(['list', '--json'], { out: failing('ENOSPC') })).toMatchObject({
        ...{
          code: 1,
          err: '{"error":{"code":"OUTPUT_FAILED","message":"The answer could not be written (ENOSPC)."}}\n',
        },
      });
      expect(await run(['list', '--json'], { out: failing('EPIPE') })).toMatchObject({ code: 0, err: '' });
    });

    it('fails whenever half of it is of no use', async () => {
      for (const code of ['ENOSPC', 'EPIPE']) {
        const { code: exit, err } = await run(['export', 'crm', '-o', '-'], { out: failing(code) });
        expect([exit, err]).toEqual([1, `The answer could not be written (${code}).\n`]);
      }
    });
  });

  it('reads standard input however slowly it comes', async () => {
    server.on('applications:create', FakeSupervisor.json({ errors: [{ code: 'APP_NAME_TAKEN', message: 'm' }] }, 409));
    const input = new PassThrough();
    const seen = start(['create', 'crm', '--admin-password-file', '-'], { input });
    for (const piece of ['se', 'cret', '\n']) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      input.write(piece);
    }
    input.end();
    expect(await seen.code).toBe(5);
    expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({ admin: { password: 'secret' }, name: 'crm' });
  });

  describe('about limits and isolation', () => {
    const isolation = { isolated: true, reason: null, sql: null };
    const crm = {
      ...{ name: 'crm', displayName: 'Sales', state: 'running', startMode: 'lazy', isolation },
      ...{ limits: { users: 50, requestRate: 0 }, address: { path: '/apps/crm/', hosts: [], url: '/apps/crm/' } },
      databasePlace: { dialect: 'postgres', type: 'new_database', database: 'crm' },
    };

    it('shows the limits of an application that are its own', async () => {
      server.on('applications:get', crm).on('applications:events', []);
      expect((await run(['show', 'crm'])).out).toMatch(/^Own limits +users 50, requestRate 0$/m);
      server.on('applications:get', { ...crm, limits: null });
      expect((await run(['show', 'crm'])).out).not.toContain('limits');
    });

    it('says of those that were isolated whether they are, and that nothing was left to do', async () => {
      server.on('applications:isolate', { results: [{ name: 'crm', ok: true, application: crm }] });
      const one = await run(['isolate', '--all']);
      expect([one.code, one.err]).toEqual([0, '']);
      expect(one.out).toMatch(/^crm +Sales +running +yes, by a database role of its own$/m);
      server.on('applications:isolate', { results: [] });
      expect(await run(['isolate', '--all'])).toMatchObject({
        ...{ code: 0, err: 'Every application that may have a database role of its own has one.\n' },
      });
    });

    it('returns a limit to its default', async () => {
      server.on('applications:update', crm);
      expect((await run(['update', 'crm', '--limit-users', ''])).code).toBe(0);
      expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({ limits: { users: null } });
    });
  });

  it('asks NocoBase for nothing when the time to wait is none', async () => {
    expect(await run(['restart', 'crm', '--timeout', 'abc'])).toMatchObject({ code: 2 });
    expect(await run(['restart', 'crm', '--timeout', '9999999'])).toMatchObject({ code: 2 });
    expect(server.actions).toEqual([]);
  });

  it('says at the end of its time what becomes of the work by then', async () => {
    const file = path.join(folder, 'a.tar');
    writeFileSync(file, 'x'.repeat(1_000));
    server.on('applications:import', () => undefined);
    const { code, err } = await run(['import', 'crm', '--file', file, '--wait', '--timeout', '1']);
    expect([code, err]).toEqual([1, expect.stringContaining('NocoBase goes on with the import')]);
    expect(err).not.toContain('nothing was imported');
  });

  describe('with an archive', () => {
    let file: string;
    beforeEach(() => {
      file = path.join(folder, 'crm.tar');
      server.on('applications:export', job).on('applications:downloadArchive', (res) => res.end('the archive'));
    });

    it('writes it whole, beside nothing, and not through a link that lies in its way', async () => {
      const elsewhere = path.join(folder, 'elsewhere');
      writeFileSync(elsewhere, 'precious');
      symlinkSync(elsewhere, `${file}.part`);
      expect(await run(['export', 'crm', '-o', file])).toMatchObject({ code: 0, err: '' });
      expect([readFileSync(file, 'utf8'), readFileSync(elsewhere, 'utf8')]).toEqual(['the archive', 'precious']);
      expect(readdirSync(folder).sort()).toEqual(['crm.tar', 'elsewhere', 's.sock']);
    });

    it('says that the connection was lost when NocoBase ends, and leaves nothing', async () => {
      server.on('applications:downloadArchive', (res, asked) => {
        cut(res, asked);
        setTimeout(() => res.destroy(), 50);
      });
      for (const output of [file, '-']) {
        const { code, err } = await run(['export', 'crm', '-o', output, '--yes']);
        expect([code, err]).toEqual([1, expect.stringContaining('connection to NocoBase was lost')]);
      }
      expect(readdirSync(folder)).toEqual(['s.sock']);
    });

    it('leaves nothing at Ctrl-C, not even when the answer has not begun', async () => {
      for (const reply of [cut, () => undefined]) {
        server.on('applications:downloadArchive', reply).asked.length = 0;
        const seen = start(['export', 'crm', '-o', file]);
        while (!(reply === cut ? existsSync(`${file}.part`) : server.actions.length === 2)) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        process.emit('SIGINT');
        expect(await seen.code).toBe(130);
        expect(seen.err()).toBe('The archive crm.tar stays on the server.\n');
        expect(readdirSync(folder)).toEqual(['s.sock']);
      }
    });

    it('begins no export whose archive would have no place', async () => {
      for (const output of [path.join(folder, 'none', 'crm.tar'), folder]) {
        const { code, err } = await run(['export', 'crm', '-o', output, '--yes']);
        expect([code, err]).toEqual([1, expect.stringContaining(`${output} cannot be written`)]);
      }
      expect(await run(['export', 'crm', '-o', '-'], { terminal: true })).toMatchObject({ code: 2 });
      expect(server.actions).toEqual([]);
    });

    it('tells without a terminal how far it is only where it was told to wait, by tens', async () => {
      server.on('applications:downloadArchive', (res) => {
        res.writeHead(200, { 'Content-Length': '1000000' });
        let sent = 0;
        const next = () => {
          if (sent === 100) return void res.end();
          sent += 1;
          res.write(Buffer.alloc(10_000), () => setImmediate(next));
        };
        next();
      });
      expect((await run(['export', 'crm', '-o', file])).err).toBe('');
      const { err } = await run(['export', 'crm', '-o', file, '--yes', '--wait']);
      const shares = [...err.matchAll(/^crm\.tar: (\d+) %$/gm)].map(([, share]) => Number(share));
      expect(shares).toEqual([...new Set(shares)]);
      expect(shares.every((share) => share % 10 === 0)).toBe(true);
      expect([shares.length > 1, shares.at(-1)]).toEqual([true, 100]);
    });
  });

  describe('lets nothing of what others have written reach the terminal', () => {
    it.each([false, true])('in an error (in JSON: %s)', async (json) => {
      server
        .on('applications:show', {})
        .on('applications:get', FakeSupervisor.json({ errors: [{ code: 'C', message: EVIL }] }, 503));
      const { code, err } = await run(['show', 'crm', ...(json ? ['--json'] : [])]);
      expect([code, err]).toEqual([1, expect.not.stringMatching(CONTROL)]);
      expect(err).toContain('OWNED');
    });

    it('in the failures of several, progress, and a question', async () => {
      const results = [{ name: 'a', ok: false, code: 'APP_BOOT_FAILED', message: EVIL }];
      server.on('applications:stop', later(400, FakeSupervisor.json({ data: { results } })));
      server.on('applications:list', FakeSupervisor.json({ data: [], meta: { states: { [EVIL]: 1 }, count: 1 } }));
      const several = await run(['stop', 'a', 'b', '--wait']);
      expect([several.code, several.err]).toEqual([1, expect.not.stringMatching(CONTROL)]);
      expect(several.err).toMatch(/^1 applications: 1 x[\s\S]*^a: x/m);

      const asked = await run(['remove', `a${EVIL}`], { terminal: true, input: 'n\n' });
      expect([asked.code, asked.err.includes('\u001b]0'), asked.err.includes('\u0007')]).toEqual([5, false, false]);
    });

    it('in the level of a line of a log', async () => {
      server.on('applications:logs', { available: true, rows: [{ at: null, level: EVIL, message: EVIL }] });
      expect(await run(['logs', 'crm'])).toMatchObject({ code: 0, out: expect.not.stringMatching(CONTROL) });
    });
  });

  it('tells each failure of several as a line of JSON, where scripts read', async () => {
    const results = ['a', 'b'].map((name) => ({ name, ok: false, code: 'APP_NOT_FOUND', message: 'm' }));
    server.on('applications:stop', { results });
    const { code, out, err } = await run(['stop', 'a', 'b', '--json']);
    expect([code, JSON.parse(out)]).toEqual([4, { results }]);
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(['a', 'b'].map((application) => ({ error: { application, code: 'APP_NOT_FOUND', message: 'm' } })));
  });

  it('prints the address of an application, alone', async () => {
    const address = { url: 'https://crm.example.com/', hosts: ['crm.example.com'], path: '/apps/crm/' };
    server.on('applications:get', { name: 'crm', address });
    expect(await run(['url', 'crm'])).toMatchObject({ code: 0, out: 'https://crm.example.com/\n' });
    expect(JSON.parse((await run(['url', 'crm', '--json'])).out)).toEqual(address);
  });

  describe('wait', () => {
    const application = (name: string, state: string, more: object = {}) => ({
      ...{
        name,
        state,
        address: { url: 'http://x/', hosts: [], path: '/' },
        lastVisitedAt: null,
        lastError: null,
        startMode: 'lazy',
      },
      databasePlace: { dialect: 'postgres', type: 'new_database', database: name },
      ...more,
    });

    it('ends when each application is in a state that is waited for', async () => {
      const states = ['booting', 'booting', 'running'];
      const crm = () => application('crm', states.length > 1 ? (states.shift() ?? '') : 'running');
      server.on('applications:list', (res) => res.end(JSON.stringify({ data: [crm(), application('hr', 'running')] })));
      const { code, out } = await run(['wait', 'crm', 'hr', '--json']);
      expect([code, (JSON.parse(out) as { state: string }[]).map(({ state }) => state)]).toEqual([
        0,
        ['running', 'running'],
      ]);
      server.on('applications:list', [application('crm', 'asleep')]);
      expect((await run(['wait', 'crm', '--for', 'stopped,asleep'])).code).toBe(0);
    });

    it('fails at once if one has failed, is unknown, or the state is none', async () => {
      const lastError = { code: 'APP_DATABASE_UNREACHABLE', message: 'The server does not answer.', at: '' };
      server.on('applications:list', [application('crm', 'failed', { lastError })]);
      const failed = await run(['wait', 'crm', '--json']);
      expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('APP_DATABASE_UNREACHABLE')]);
      expect((await run(['wait', 'crm', '--for', 'failed'])).code).toBe(0);
      expect((await run(['wait', 'hr'])).code).toBe(4);
      expect(await run(['wait', 'crm', '--for', 'flying'])).toMatchObject({
        code: 2,
        err: expect.stringContaining('--for wants one or more') as string,
      });
    });

    it('ends with its time', async () => {
      server.on('applications:list', [application('crm', 'asleep')]);
      const { code, err } = await run(['wait', 'crm', '--timeout', '1', '--json']);
      expect([code, err]).toEqual([1, expect.stringContaining('WAIT_TIMEOUT')]);
    });

    it('waits for a NocoBase that does not run yet', async () => {
      server.close();
      const waiting = start(['wait', 'crm']);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await server.listen();
      server.on('applications:list', [application('crm', 'running')]);
      expect(await waiting.code).toBe(0);
    });
  });

  it('opens an application in the browser of the desktop, and prints its address where there is none', async () => {
    const address = { url: 'https://crm.example.com/?a=b&c', hosts: ['crm.example.com'], path: '/apps/crm/' };
    server.on('applications:get', { name: 'crm', address });
    const seen = path.join(folder, 'seen');
    writeFileSync(path.join(folder, 'xdg-open'), `#!/bin/sh\nprintf '%s' "$1" > ${seen}\n`, { mode: 0o755 });
    const PATH = `${folder}:${process.env.PATH ?? ''}`;
    expect(await run(['open', 'crm'], { env: { PATH } })).toMatchObject({ code: 0, out: `${address.url}\n`, err: '' });
    while (!existsSync(seen) || readFileSync(seen, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(readFileSync(seen, 'utf8')).toBe(address.url);
    const without = await run(['open', 'crm'], { env: { PATH: path.join(folder, 'none') } });
    expect(without).toMatchObject({ code: 0, out: `${address.url}\n` });
    expect(without.err).toMatch(/no browser/);
    server.on('applications:get', { name: 'crm', address: { ...address, url: '--help' } });
    expect((await run(['open', 'crm'], { env: { PATH } })).code).toBe(1);
  });

  it.each(['bash', 'zsh'])('prints a script that completes commands, options and IDs: %s', async (shell) => {
    const { code, out } = await run(['completion', shell]);
    expect(code).toBe(0);
    writeFileSync(
      path.join(folder, 'nocobase-app'),
      `#!/bin/sh\necho '[\n  {\n    "name": "crm",\n    "x": 1\n  }\n]'\n`,
      {
        mode: 0o755,
      },
    );
    const own = out.replace(/^autoload .*$/m, '');
    const complete = (...words: string[]) => {
      const script = `${own}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})\nCOMP_CWORD=${words.length - 1}\n_nocobase_app\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
      const env = { PATH: `${folder}:${process.env.PATH ?? ''}` };
      return spawnSync('bash', ['-c', script], { env, encoding: 'utf8' }).stdout.trim().split('\n');
    };
    expect(complete('nocobase-app', 'sto')).toEqual(['stop']);
    expect(complete('nocobase-app', 'stop', '--wa')).toEqual(['--wait']);
    expect(complete('nocobase-app', 'stop', 'c')).toEqual(['crm']);
    expect(complete('nocobase-app', 'list', 'c')).toEqual(['']);
  });

  it('prints a script for fish, and none for another shell', async () => {
    const { out } = await run(['completion', 'fish']);
    expect(out).toContain("complete -c nocobase-app -n '__fish_seen_subcommand_from stop' -l timeout -r\n");
    expect(await run(['completion', 'csh'])).toMatchObject({ code: 2 });
  });

  it('sets the password of an administrator, and prints a generated one', async () => {
    const changed = { id: 1, username: 'ada', email: null, password: 'made-up' };
    server.on('applications:resetPassword', changed);
    const { code, out } = await run(['reset-password', 'crm']);
    expect([code, out]).toEqual([0, expect.stringMatching(/User name +ada\n(?:.*\n)?Password +made-up/)]);
    expect(JSON.parse((await run(['reset-password', 'crm', '--json'])).out)).toEqual(changed);
    server.asked.length = 0;
    const given = ['reset-password', 'crm', '--account', 'ada', '--password-file', '-'];
    server.on('applications:resetPassword', { ...changed, password: null });
    expect((await run(given, { input: 'secret\n' })).out).not.toContain('secret');
    expect(server.asked.map(({ body }) => JSON.parse(body) as object)).toEqual([
      { account: 'ada', password: 'secret' },
    ]);
  });

  it('deletes removed applications permanently after a question', async () => {
    const gone = (name: string) => ({ name, database: name, databaseDropped: true, purgeAt: null });
    server.on('applications:purge', {
      results: [
        { name: 'crm', ok: true, application: gone('crm') },
        { name: 'hr', ok: false, code: 'APP_NOT_REMOVED', message: 'The application "hr" is not removed.' },
      ],
    });
    server.asked.length = 0;
    expect((await run(['purge', 'crm', 'hr'])).code).toBe(5);
    expect((await run(['purge', 'crm', 'hr'], { terminal: true, input: 'n\n' })).code).toBe(5);
    expect(server.asked).toEqual([]);
    const { code, out, err } = await run(['purge', 'crm', 'hr', '--yes']);
    expect([code, server.asked.map(({ body }) => JSON.parse(body) as unknown)]).toEqual([
      5,
      [{ names: ['crm', 'hr'] }],
    ]);
    expect([out, err]).toEqual([
      expect.stringMatching(/crm +crm +yes +now/),
      expect.stringContaining('"hr" is not removed'),
    ]);
  });

  it('lists archives, and downloads one into the current folder or to standard output', async () => {
    const archive = { name: 'crm-1.tar', size: 3 * 2 ** 20, storedAt: '2026-01-01T00:00:00Z', deletedAt: null };
    server.on('applications:listArchives', [archive]);
    expect(await run(['archives'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/crm-1\.tar +3\.0 MB/) as string,
    });
    server.on('applications:listArchives', []);
    expect(await run(['archives', 'crm'])).toMatchObject({ code: 0, err: 'No archives.\n' });
    server.on('applications:downloadArchive', (res) => res.end('the archive'));
    expect(await run(['download', 'crm-1.tar', '-o', '-'])).toMatchObject({ code: 0, out: 'the archive' });
    const file = path.join(folder, 'downloaded.tar');
    expect((await run(['download', 'crm-1.tar', '-o', file])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('the archive');
    // It is there, and nothing can be asked.
    expect((await run(['download', 'crm-1.tar', '-o', file])).code).toBe(5);
    expect((await run(['download', 'crm-1.tar', '-o', file, '--yes'])).code).toBe(0);
    server.on(
      'applications:downloadArchive',
      FakeSupervisor.json({ errors: [{ code: 'APP_ARCHIVE_NOT_FOUND', message: 'm' }] }, 404),
    );
    expect((await run(['download', 'none.tar', '-o', file, '--yes'])).code).not.toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('the archive');
  });

  it('says in the question that a database goes later', async () => {
    const question = async (...more: string[]) =>
      (await run(['remove', 'crm', ...more], { terminal: true, input: 'n\n' })).err;
    expect(await question()).toContain('Remove crm? [y/N]');
    expect(await question('--drop-database')).toMatch(/drop the databases .* when their time is over\? \[y\/N\]/);
    expect(await question('--drop-database', '--purge')).toMatch(/for good, and drop the databases/);
  });

  it('finds nothing where nothing matches, and no events of what never was', async () => {
    server.on('applications:list', []).on('applications:events', []);
    expect(await run(['stop', 'x*'])).toMatchObject({ code: 4, err: 'No application matches x*.\n' });
    expect((await run(['events', 'nobody'])).code).toBe(4);
    server.on('applications:get', { name: 'crm' });
    expect((await run(['events', 'crm'])).code).toBe(0);
  });

  it('waits for what is restored, and for a clone by its new name', async () => {
    const application = { name: 'crm', state: 'running', address: { hosts: [], path: '/' }, databasePlace: {} };
    for (const action of ['restore', 'clone']) {
      server.on(`applications:${action}`, later(300, FakeSupervisor.json({ data: application })));
    }
    server.on('applications:get', (res, { query }) =>
      FakeSupervisor.json({ data: { name: query.filterByTk, state: 'booting' } })(res, { action: '', query, body: '' }),
    );
    expect(await run(['restore', 'crm', '--wait'])).toMatchObject({ code: 0, err: 'crm: booting\n' });
    expect(await run(['clone', 'crm', 'copy', '--wait'])).toMatchObject({ code: 0, err: 'copy: booting\n' });
    expect(server.asked.filter(({ query }) => query.wait).map(({ action }) => action)).toEqual([
      'applications:restore',
      'applications:clone',
    ]);
  });
});

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { CommandFailure } from '../../../server/commands/failure';
import { operatorName, SupervisorLine } from '../../../server/commands/line';

it('speaks for the user, and behind sudo for who has called it', () => {
  const { username } = userInfo();
  expect(operatorName({})).toBe(username);
  expect(operatorName({ SUDO_USER: 'eve' })).toBe(`eve (as ${username})`);
});

/** The line to NocoBase, at whose other end a server of the test answers. */
describe('the line', () => {
  let folder: string;
  let socket: string;
  let server: Server | undefined;

  const serve = async (answer: (req: IncomingMessage, res: ServerResponse, body: Promise<Buffer>) => void) => {
    server = createServer((req, res) => {
      const pieces: Buffer[] = [];
      const body = new Promise<Buffer>((resolve) => {
        req.on('data', (piece: Buffer) => pieces.push(piece)).once('end', () => resolve(Buffer.concat(pieces)));
      });
      answer(req, res, body);
    });
    await new Promise<void>((resolve) => server?.listen(socket, resolve));
    return new SupervisorLine(socket, 'zh-CN', { STORAGE_PATH: path.join(folder, 'storage') });
  };

  /** How it fails: the exit code, and the code. */
  const failure = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof CommandFailure)) throw error;
    return [error.exit, error.code];
  };

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'command-line-'));
    socket = path.join(folder, 's.sock');
  });

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  it('says what is asked, in which language, and by whom', async () => {
    const line = await serve((req, res, body) => {
      void body.then((sent) => {
        const { 'x-locale': language, 'x-operator': operator } = req.headers;
        const data = { method: req.method, url: req.url, language, operator, body: JSON.parse(String(sent)) as object };
        res.end(JSON.stringify({ data }));
      });
    });
    const { data } = await line.call('applications:create', {
      query: { wait: 'true', no: undefined },
      body: { a: '客' },
    });
    const expected = { method: 'POST', url: '/applications:create?wait=true', language: 'zh-CN', body: { a: '客' } };
    expect(data).toMatchObject(expected);
    expect(data.operator).toMatch(/./);
  });

  it('sends a file in a form, and tells how far it is', async () => {
    const file = path.join(folder, 'a.tar');
    writeFileSync(file, Buffer.alloc(3_000_000, 'x'));
    const line = await serve((req, res, body) => {
      void body.then((sent) => {
        const length = Number(req.headers['content-length']);
        const text = sent.toString('latin1');
        const named = /name="values"\r\n\r\n(.*)\r\n/.exec(text)?.[1];
        res.end(
          JSON.stringify({ data: { whole: length === sent.length, named, xs: text.split('x').length > 3_000_000 } }),
        );
      });
    });
    const told: number[] = [];
    const answer = await line.upload('applications:import', file, {
      body: { name: 'n' },
      told: (sent) => told.push(sent),
    });
    expect(answer.data).toEqual({ whole: true, named: '{"name":"n"}', xs: true });
    expect([told.length > 1, told.at(-1)]).toEqual([true, 3_000_000]);
  });

  it('hears a refusal in the middle of an upload', async () => {
    const file = path.join(folder, 'large.tar');
    writeFileSync(file, Buffer.alloc(30_000_000));
    const line = await serve((req, res) => {
      req.pause();
      res.writeHead(409);
      res.end(JSON.stringify({ errors: [{ code: 'APP_ARCHIVE_BUSY', message: 'busy' }] }));
    });
    expect(await failure(line.upload('applications:import', file, {}))).toEqual([5, 'APP_ARCHIVE_BUSY']);
  });

  it('sends no more of a file than there was at first, and not one without anything in it', async () => {
    const file = path.join(folder, 'a.tar');
    writeFileSync(file, Buffer.alloc(1_000_000, 'x'));
    const line = await serve((req, res, body) => {
      appendFileSync(file, Buffer.alloc(500_000, 'y'));
      void body.then((sent) => {
        const whole = sent.length === Number(req.headers['content-length']);
        res.end(JSON.stringify({ data: { whole, more: sent.includes('yy') } }));
      });
    });
    const told: number[] = [];
    const sending = line.upload('applications:import', file, { told: (sent) => told.push(sent) });
    expect((await sending).data).toEqual({ whole: true, more: false });
    expect(told.at(-1)).toBe(1_000_000);
    writeFileSync(file, '');
    expect(await failure(line.upload('applications:import', file, {}))).toEqual([5, 'ARCHIVE_EMPTY']);
    expect(await failure(line.upload('applications:import', folder, {}))).toEqual([5, 'ARCHIVE_EMPTY']);
  });

  it('brings a file, and the error in its place', async () => {
    const line = await serve((req, res) => {
      if (req.url?.includes('a.tar')) res.end('the archive');
      else res.writeHead(404).end(JSON.stringify({ errors: [{ code: 'APP_ARCHIVE_NOT_FOUND', message: 'none' }] }));
    });
    const pieces: Buffer[] = [];
    const { signal } = new AbortController();
    for await (const piece of await line.download('applications:downloadArchive', { filterByTk: 'a.tar' }, signal)) {
      pieces.push(piece as Buffer);
    }
    expect(String(Buffer.concat(pieces))).toBe('the archive');
    const missing = line.download('applications:downloadArchive', { filterByTk: 'b' }, signal);
    expect(await failure(missing)).toEqual([4, 'APP_ARCHIVE_NOT_FOUND']);
  });

  it.each([
    [200, '{"data":1}', undefined],
    [400, '{"errors":[{"code":"APP_VALUE_INVALID","message":"m"}]}', [2, 'APP_VALUE_INVALID']],
    ...['{}', '<html>', '', 'null', '[1]'].map(
      (body) => [200, body, [1, 'ANSWER_UNREADABLE']] as [number, string, unknown],
    ),
    [404, 'no JSON', [4, 'HTTP_404']],
    [503, '{"errors":[{"message":"m"}]}', [1, 'HTTP_503']],
  ])('status %i is no failure, or one of its kind', async (status, body, expected) => {
    const line = await serve((_req, res) => res.writeHead(status).end(body));
    const work = line.call('applications:list');
    if (expected) expect(await failure(work)).toEqual(expected);
    else expect(await work).toEqual({ data: 1 });
  });

  it('sends nothing to a socket of another user', async () => {
    let requests = 0;
    const line = await serve((_req, res) => {
      requests += 1;
      res.end('{"data":1}');
    });
    const geteuid = jest.spyOn(process, 'geteuid').mockReturnValue((process.geteuid?.() ?? 0) + 1);
    try {
      const file = path.join(folder, 'archive.tar');
      writeFileSync(file, 'x');
      const calls = [
        line.call('applications:create', { body: { admin: { password: 'Planted-4712' } } }),
        line.download('applications:downloadArchive', {}, new AbortController().signal),
        line.upload('applications:import', file, {}),
      ];
      for (const call of calls) expect(await failure(call)).toEqual([5, 'SOCKET_OWNER']);
    } finally {
      geteuid.mockRestore();
    }
    expect(requests).toBe(0);
    expect(await line.call('applications:list')).toEqual({ data: 1 });
  });

  it('tells a server that is not there from one that goes away', async () => {
    const missing = new SupervisorLine(path.join(folder, 'none'), 'en-US').call('applications:list');
    expect(await failure(missing)).toEqual([3, 'NO_SERVER']);
    const long = new SupervisorLine(`/${'x'.repeat(107)}`, 'en-US').call('applications:list');
    expect(await failure(long)).toEqual([3, 'SOCKET_PATH_TOO_LONG']);
    const line = await serve((req) => req.socket.destroy());
    expect(await failure(line.call('applications:list'))).toEqual([1, 'CONNECTION_LOST']);
  });
});

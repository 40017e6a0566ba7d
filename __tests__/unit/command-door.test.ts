import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer, Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CommandDoor } from '../../server/routing/command-door';

/** Of the main application, what the door touches. */
class FakeApp {
  readonly warnings: string[] = [];
  readonly seen: { url?: string; headers: object }[] = [];
  readonly log = {
    warn: (text: string) => this.warnings.push(text),
    error: (text: string) => this.warnings.push(text),
  };
  callback() {
    return async (req: IncomingMessage, res: ServerResponse) => {
      this.seen.push({ url: req.url, headers: req.headers });
      res.end('done');
    };
  }
}

const ask = (socketPath: string, url: string, headers: Record<string, string> = {}) =>
  new Promise<number | string>((resolve) => {
    const asked = request({ socketPath, path: url, headers, agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    asked.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')).end();
  });

describe('the door for commands', () => {
  let folder: string;
  let socket: string;
  let app: FakeApp;
  const doors: CommandDoor[] = [];
  const door = (at = socket) => {
    const made = new CommandDoor(app as never, '/base/api', at);
    doors.push(made);
    return made;
  };

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'command-door-'));
    socket = path.join(folder, 'app-supervisor.sock');
    app = new FakeApp();
  });

  afterEach(() => {
    for (const one of doors.splice(0)) one.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('hands our actions to the main application, without what would lead elsewhere', async () => {
    await door().open();
    expect((statSync(socket).mode & 0o777).toString(8)).toBe('600');
    const headers = { 'X-App': 'crm', 'X-Data-Source': 'other', Authorization: 'Bearer x', 'X-Locale': 'zh-CN' };
    expect(await ask(socket, '/applications:list?page=2', headers)).toBe(200);
    expect(app.seen).toMatchObject([{ url: '/base/api/applications:list?page=2', headers: { 'x-locale': 'zh-CN' } }]);
    expect(Object.keys(app.seen[0]?.headers ?? {})).not.toEqual(expect.arrayContaining(['x-app']));
    expect(JSON.stringify(app.seen)).not.toMatch(/x-data-source|Bearer/);
  });

  it.each(['/users:list', '/api/applications:list', '/applications', '/applications:list/../users:list', '/', '//'])(
    'lets %s not in',
    async (url) => {
      await door().open();
      expect(await ask(socket, url)).toBe(404);
      expect(app.seen).toEqual([]);
    },
  );

  it('goes with its socket, and opens again', async () => {
    const one = door();
    await one.open();
    await one.open();
    one.close();
    expect(existsSync(socket)).toBe(false);
    expect(await ask(socket, '/applications:list')).toBe('ENOENT');
    await one.open();
    expect(await ask(socket, '/applications:list')).toBe(200);
  });

  it('opens one socket when it is opened many times at once, and none when it is closed meanwhile', async () => {
    const listen = jest.spyOn(Server.prototype, 'listen');
    const listening = () => listen.mock.contexts.filter((server) => (server as Server).listening).length;
    const one = door();
    await Promise.all([one.open(), one.open(), one.open()]);
    expect([app.warnings, listening()]).toEqual([[], 1]);
    one.close();
    const opening = one.open();
    one.close();
    await opening;
    expect([app.warnings, listening(), existsSync(socket)]).toEqual([[], 0, false]);
    listen.mockRestore();
  });

  it('takes the place of what a killed process has left, and of nothing else', async () => {
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(`${socket}.dead`, resolve));
    // The name of a socket whose process is gone stays; here it is the name of one that is closed.
    renameSync(`${socket}.dead`, socket);
    await new Promise((resolve) => dead.close(resolve));
    expect(await ask(socket, '/')).toBe('ECONNREFUSED');
    await door().open();
    expect([app.warnings, await ask(socket, '/applications:list')]).toEqual([[], 200]);

    await door().open();
    expect(app.warnings.splice(0)).toEqual([expect.stringContaining('another process listens there')]);
    expect(await ask(socket, '/applications:list')).toBe(200);

    const file = path.join(folder, 'file');
    writeFileSync(file, 'somebody’s');
    await door(file).open();
    expect([app.warnings.splice(0), existsSync(file)]).toEqual([[expect.stringContaining('something else')], true]);

    await door(path.join(folder, 'x'.repeat(107))).open();
    expect(app.warnings.splice(0)).toEqual([expect.stringContaining('longer than 107 bytes')]);
    await door(path.join(folder, 'none', 'x.sock')).open();
    expect(app.warnings).toEqual([expect.stringMatching(/listen E/)]);
  });
});

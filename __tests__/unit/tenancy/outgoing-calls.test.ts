import type { Application } from '@nocobase/server';
import {
  confineCustomRequests,
  confineMailNode,
  confineMailNotifications,
  confineMcpServers,
  mailSettings,
  mailTexts,
  requestOptions,
} from '../../../server/nocobase/outgoing-calls';

const SECRET = '/srv/storage/apps/main/jwt_secret.dat';

describe('outgoing calls of an application: custom requests', () => {
  it.each([
    { socketPath: '/srv/app-supervisor.sock' },
    { proxy: { host: 'x' } },
    { transport: {} },
    { adapter: 'fetch' },
    { lookup: 'x' },
    JSON.parse('{"__proto__":{"socketPath":"/srv/app-supervisor.sock"}}') as object,
  ])('an option of the HTTP client is not read: %j', (options) => {
    const safe = { url: 'http://x/', method: 'POST', headers: [], timeout: 1 };
    const read = requestOptions({ ...safe, ...options }) as Record<string, unknown>;
    expect(read).toEqual(safe);
    expect(read.socketPath).toBeUndefined();
  });

  it('rows are confined as they are found: one, several, none, raw ones, and once only after a reload', () => {
    const hooks = new Map<string, (found: unknown) => void>();
    const model = {
      addHook: (event: string, name: string, hook: (found: unknown) => void) => hooks.set(`${event} ${name}`, hook),
      removeHook: (event: string, name: string) => hooks.delete(`${event} ${name}`),
    };
    const app = { db: { getCollection: () => ({ model }) } } as unknown as Application;
    confineCustomRequests(app);
    confineCustomRequests(app);
    const [hook] = [...hooks.values()];
    expect(hooks.size).toBe(1);
    const row = () => ({ dataValues: { key: 'k', options: { url: 'u', socketPath: 's' } } });
    const [one, two, raw] = [row(), row(), { options: { url: 'u', socketPath: 's' } }];
    for (const found of [one, [two, raw], null, [], { dataValues: { key: 'k' } }, { dataValues: { options: null } }]) {
      hook?.(found);
    }
    expect([one.dataValues.options, two.dataValues.options, raw.options]).toEqual([
      { url: 'u' },
      { url: 'u' },
      { url: 'u' },
    ]);
  });

  it('an application without the plugin stays as it is', () => {
    const app = { db: { getCollection: () => undefined }, pm: { get: () => undefined } } as unknown as Application;
    for (const confine of [confineCustomRequests, confineMailNode, confineMailNotifications]) {
      expect(() => confine(app)).not.toThrow();
    }
    expect(() =>
      confineMcpServers(app, () => {
        throw new Error('refused');
      }),
    ).not.toThrow();
  });
});

describe('outgoing calls of an application: mail', () => {
  it.each([
    { sendmail: true, path: '/bin/sh', args: ['-c', 'true'] },
    { streamTransport: true },
    { SES: {} },
    { socket: {} },
    { proxy: 'socks5://x' },
    { auth: { user: 'u', pass: 'p', type: 'OAuth2', accessUrl: 'http://x' } },
  ])('no program and no other transport is reached by the provider: %j', (options) => {
    const provider = { host: 'h', port: 25, secure: false, auth: { user: 'u', pass: 'p' } };
    expect(mailSettings({ provider: { ...provider, ...options }, subject: 's' })).toEqual({ provider, subject: 's' });
  });

  it.each([undefined, null, 'smtp://x', '{{$context.data.provider}}', [], 7])('a provider is no %p', (provider) => {
    expect(mailSettings({ provider }).provider).toEqual({ auth: undefined });
  });

  it('parts of a mail that are read from files are dropped', () => {
    const parts = {
      raw: { path: SECRET },
      alternatives: [{ path: SECRET }],
      icalEvent: { path: SECRET },
      amp: { path: SECRET },
    };
    expect(Object.keys(mailSettings({ ...parts, html: 'h' })).sort()).toEqual(['html', 'provider']);
  });

  it('a text that comes from a variable is a text', () => {
    const mail = mailTexts({ subject: 's', html: { path: SECRET }, text: 'as it is' });
    expect(mail).toEqual({ subject: 's', html: JSON.stringify({ path: SECRET }), text: 'as it is' });
    expect(mailTexts(undefined)).toBeUndefined();
  });

  it('the node runs with the settings that are left, as the row that it is', async () => {
    const seen: unknown[] = [];
    const instruction = {
      run(node: Record<string, unknown>, ...rest: unknown[]) {
        seen.push(node.config, node.id, (node.getWorkflow as () => string)(), ...rest);
        return this.getPayload({ html: { path: SECRET } });
      },
      getPayload: (config: unknown) => config,
    };
    const app = { pm: { get: () => ({ instructions: { get: () => instruction } }) } } as unknown as Application;
    confineMailNode(app);
    class Row {
      id = 7;
      config = { provider: { host: 'h', sendmail: true, path: '/bin/sh' }, text: 't' };
      getWorkflow() {
        return `of ${this.id}`;
      }
    }
    const payload = await instruction.run(new Row() as unknown as Record<string, unknown>, 'input', 'processor');
    expect(seen).toEqual([{ provider: { host: 'h', auth: undefined }, text: 't' }, 7, 'of 7', 'input', 'processor']);
    expect(payload).toEqual({ html: JSON.stringify({ path: SECRET }) });
  });

  it('notifications by mail hold texts', async () => {
    const sent: unknown[] = [];
    class Mail {
      send(args: object) {
        sent.push(args);
      }
    }
    const entry = { Channel: Mail };
    const plugin = { manager: { channelTypes: { get: (type: string) => (type === 'email' ? entry : undefined) } } };
    confineMailNotifications({ pm: { get: () => plugin } } as unknown as Application);
    new entry.Channel().send({ channel: 'c', message: { contentType: 'html', html: { path: SECRET } } });
    expect(sent).toEqual([{ channel: 'c', message: { contentType: 'html', html: JSON.stringify({ path: SECRET }) } }]);
    expect(entry.Channel).not.toBe(Mail);
  });
});

describe('outgoing calls of an application: MCP servers', () => {
  it('a program of this machine is refused, an address is not', () => {
    const mcpManager = { buildMCPConnection: (options: object) => ({ ...options }) };
    confineMcpServers({ aiManager: { mcpManager } } as unknown as Application, () => {
      throw new Error('refused');
    });
    expect(() => mcpManager.buildMCPConnection({ transport: 'stdio', command: '/bin/sh' })).toThrow('refused');
    expect(mcpManager.buildMCPConnection({ transport: 'http', url: 'http://x/' })).toEqual({
      transport: 'http',
      url: 'http://x/',
    });
  });
});

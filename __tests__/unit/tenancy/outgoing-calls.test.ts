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

  const context = (row: { options?: unknown } | null, values?: unknown) => {
    const repository = { findOne: (..._given: unknown[]) => Promise.resolve(row) };
    const db = { getRepository: (_name: string) => repository };
    return { action: { resourceName: 'customRequests', actionName: 'send', params: { values } }, db };
  };

  it('the action reads a row without the other options, whatever the table has become', async () => {
    class Row {
      key = 'k';
      get options() {
        return { url: 'u', socketPath: 's' };
      }
    }
    const ctx = context(new Row());
    const { db } = ctx;
    const read = jest.fn();
    await confineCustomRequests(ctx, async () => {
      const row = (await ctx.db.getRepository('customRequests').findOne({})) as Row;
      const other = await ctx.db.getRepository('users').findOne();
      read(row.options, row.key, other?.options);
    });
    expect(read).toHaveBeenCalledWith({ url: 'u' }, 'k', { url: 'u', socketPath: 's' });
    expect(ctx.db).toBe(db);
  });

  it('a row that is missing stays missing, and options that are no object are none', async () => {
    for (const row of [null, { options: 'socketPath' }]) {
      const ctx = context(row);
      await confineCustomRequests(ctx, async () => {
        const found = await ctx.db.getRepository('customRequests').findOne({});
        expect(found?.options).toBeUndefined();
      });
    }
  });

  it('the call cannot add an option of the HTTP client or another address', async () => {
    const options = { httpVersion: 2, http2Options: { path: '/x.sock' }, maxRedirects: 0, url: 'x', baseURL: 'y' };
    const ctx = context(null, { currentRecord: { id: 1 }, options });
    const next = jest.fn(() => Promise.resolve());
    await confineCustomRequests(ctx, next);
    expect(ctx.action.params.values).toEqual({ currentRecord: { id: 1 }, options: { maxRedirects: 0 } });
    expect(next).toHaveBeenCalledTimes(1);
  });

  it('other actions are left as they are', async () => {
    const ctx = context(null, { options: { socketPath: 's' } });
    ctx.action.actionName = 'update';
    await confineCustomRequests(ctx, () => Promise.resolve());
    expect(ctx.action.params.values).toEqual({ options: { socketPath: 's' } });
  });

  it("NocoBase's own action sends no option of the call or of the row to a socket", async () => {
    const sent: Record<string, unknown>[] = [];
    const utils = jest.requireActual<{ serverRequest: unknown }>('@nocobase/utils');
    jest.doMock('@nocobase/utils', () => ({
      ...utils,
      serverRequest: (config: Record<string, unknown>) => {
        sent.push(config);
        return Promise.resolve({ data: 'done', headers: {} });
      },
    }));
    const file = '@nocobase/plugin-action-custom-request/dist/server/actions/send.js';
    const { send } = jest.requireActual<{ send: (this: object, ctx: object, next: () => unknown) => Promise<void> }>(
      file,
    );
    const row = { options: { url: 'http://x/', method: 'GET', socketPath: '/row.sock' } };
    const ctx = Object.assign(context(row, { options: { httpVersion: 2, http2Options: { path: '/x.sock' } } }), {
      ...{ state: { currentRole: 'root' }, auth: { user: {} }, headers: {}, set: () => undefined },
      ...{
        getBearerToken: () => '',
        app: { environment: { getVariables: () => ({}), getNonSecretVariables: () => ({}) } },
      },
    });
    await confineCustomRequests(ctx, () => send.call({ logger: { info: () => undefined } }, ctx, () => undefined));
    jest.dontMock('@nocobase/utils');
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ url: 'http://x/', method: 'GET' });
    for (const key of ['socketPath', 'httpVersion', 'http2Options']) expect(sent[0]).not.toHaveProperty(key);
  });

  it('an application without the plugin stays as it is', () => {
    const app = { pm: { get: () => undefined } } as unknown as Application;
    for (const confine of [confineMailNode, confineMailNotifications]) {
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

  it('applications do not share the connections of mail', () => {
    const file = '@nocobase/plugin-notification-email/dist/server/mail-server.js';
    const { MailNotificationChannel: Mail } = jest.requireActual<{
      MailNotificationChannel: new (app: object) => { getTransporter(channel: object): { close(): void } };
    }>(file);
    const channelOf = (name: string) => {
      const entry = { Channel: Mail };
      const plugin = { manager: { channelTypes: { get: () => entry } } };
      const app = { name, pm: { get: () => plugin } };
      confineMailNotifications(app as unknown as Application);
      return new entry.Channel(app);
    };
    const options = { host: '127.0.0.1', port: 25, secure: false, account: 'u', password: 'p', from: 'f' };
    const mine = channelOf('one').getTransporter({ options });
    const close = jest.spyOn(mine, 'close');
    const theirs = channelOf('two').getTransporter({ options: { ...options, password: 'wrong' } });
    expect(theirs).not.toBe(mine);
    expect(close).not.toHaveBeenCalled();
    expect(channelOf('one').getTransporter({ options })).toBe(mine);
    for (const transporter of [mine, theirs]) transporter.close();
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

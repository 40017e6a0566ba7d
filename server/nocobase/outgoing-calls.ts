import type { Application } from '@nocobase/server';

/**
 * Plugins of NocoBase that pass what rows hold on to libraries which can do more than the plugin means: open a Unix
 * socket of this machine, run a program, read a file. Each is kept to what its form in the screens offers. Call these
 * functions again after each load: the plugins are new objects then.
 */

type Row = Record<string, unknown>;

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

const pick = (from: Row, keys: ReadonlySet<string>): Row =>
  Object.fromEntries(Object.entries(from).filter(([key]) => keys.has(key)));

// ---- custom requests ------------------------------------------------------------------------------------------------

/** What a custom request may tell the HTTP client. Others name sockets, proxies and files of this machine. */
const REQUEST_KEYS = new Set([
  ...['url', 'baseURL', 'method', 'headers', 'params', 'data', 'timeout', 'responseType'],
  ...['collectionName', 'dataSourceKey', 'auth', 'maxRedirects'],
]);

/** A call may not change the address of the row. */
const CALL_KEYS = new Set([...REQUEST_KEYS].filter((key) => key !== 'url' && key !== 'baseURL'));

interface RequestRow {
  options?: unknown;
}

interface RequestRepository {
  findOne(...given: unknown[]): Promise<RequestRow | null>;
}

interface RequestDatabase {
  getRepository(name: string): RequestRepository;
}

interface RequestContext {
  action?: { resourceName?: string; actionName?: string; params?: { values?: unknown } };
  db: RequestDatabase;
}

export function requestOptions(options: unknown): unknown {
  return isRow(options) ? pick(options, REQUEST_KEYS) : undefined;
}

/** The row as the action reads it, whatever the fields of its table are now. */
function confinedRow(row: RequestRow): RequestRow {
  const options = requestOptions(row.options);
  return Object.create(row, { options: { value: options, enumerable: true } }) as RequestRow;
}

function confinedDatabase(db: RequestDatabase): RequestDatabase {
  const getRepository = (name: string) => {
    const repository = db.getRepository(name);
    if (name !== 'customRequests') return repository;
    const findOne = async (...given: unknown[]) => {
      const row = await repository.findOne(...given);
      return row && confinedRow(row);
    };
    return Object.create(repository, { findOne: { value: findOne } }) as RequestRepository;
  };
  return Object.create(db, { getRepository: { value: getRepository } }) as RequestDatabase;
}

/**
 * The middleware around the action that sends a custom request. Of the row and of the call, it leaves the keys that are
 * on the lists. It depends on no hook of a table: an administrator can define the table anew.
 */
export function confineCustomRequests(ctx: RequestContext, next: () => Promise<void>): Promise<void> {
  const { resourceName, actionName } = ctx.action ?? {};
  return resourceName === 'customRequests' && actionName === 'send' ? sendConfined(ctx, next) : next();
}

async function sendConfined(ctx: RequestContext, next: () => Promise<void>): Promise<void> {
  const { params } = ctx.action ?? {};
  const values = params?.values;
  if (isRow(values) && values.options !== undefined) {
    const options = isRow(values.options) ? pick(values.options, CALL_KEYS) : undefined;
    if (params) params.values = { ...values, options };
  }
  const { db } = ctx;
  ctx.db = confinedDatabase(db);
  try {
    await next();
  } finally {
    ctx.db = db;
  }
}

// ---- mail -----------------------------------------------------------------------------------------------------------

const MAIL_KEYS = new Set([
  ...['provider', 'from', 'to', 'cc', 'bcc', 'subject', 'contentType', 'html', 'text', 'attachments', 'ignoreFail'],
]);
const PROVIDER_KEYS = new Set(['host', 'port', 'secure', 'auth']);
const AUTH_KEYS = new Set(['user', 'pass']);

interface MailInstruction {
  run(node: Row, ...rest: unknown[]): unknown;
  getPayload?(config: unknown): unknown;
}

interface WorkflowPlugin {
  instructions?: { get(type: string): MailInstruction | undefined };
}

/** Returns the settings of a mail node without those by which a mail program is run. */
export function mailSettings(config: unknown): Row {
  const mail = isRow(config) ? pick(config, MAIL_KEYS) : {};
  const provider = isRow(mail.provider) ? pick(mail.provider, PROVIDER_KEYS) : {};
  provider.auth = isRow(provider.auth) ? pick(provider.auth, AUTH_KEYS) : undefined;
  return { ...mail, provider };
}

/** A text that is no text would name a file or an address that is read into the mail. */
export function mailTexts<T>(mail: T): T {
  if (!isRow(mail)) return mail;
  const texts = ['html', 'text'].filter((key) => mail[key] !== undefined && typeof mail[key] !== 'string');
  return { ...mail, ...Object.fromEntries(texts.map((key) => [key, JSON.stringify(mail[key])])) };
}

/** The workflow node that sends mail. Its settings may come from a variable, after they were checked. */
export function confineMailNode(app: Application): void {
  const workflow = app.pm.get('workflow') as unknown as WorkflowPlugin | undefined;
  const instruction = workflow?.instructions?.get('mailer');
  if (typeof instruction?.run !== 'function') return;
  const run = instruction.run.bind(instruction);
  instruction.run = (node, ...rest) => {
    const settings = { value: mailSettings(node.config), enumerable: true };
    return run(Object.create(node, { config: settings }) as Row, ...rest);
  };
  if (typeof instruction.getPayload !== 'function') return;
  const getPayload = instruction.getPayload.bind(instruction);
  instruction.getPayload = (config) => getPayload(mailTexts(config));
}

interface Channel {
  send(args: { message?: unknown } & Row): unknown;
  getTransporterKey?(channel: unknown): string;
}

type ChannelClass = new (...given: unknown[]) => Channel;

interface NotificationPlugin {
  manager?: { channelTypes?: { get(type: string): { Channel?: ChannelClass } | undefined } };
}

/**
 * Notifications by mail. Their connections are one map for the process: the name of the application in its keys keeps
 * one application from closing those of another.
 */
export function confineMailNotifications(app: Application): void {
  const plugin = app.pm.get('notification-manager') as unknown as NotificationPlugin | undefined;
  const entry = plugin?.manager?.channelTypes?.get('email');
  const base = entry?.Channel;
  if (!entry || typeof base !== 'function') return;
  const { name } = app;
  entry.Channel = class extends base {
    override getTransporterKey(channel: unknown): string {
      return `${name} ${super.getTransporterKey?.(channel) ?? ''}`;
    }

    override send(args: { message?: unknown } & Row): unknown {
      return super.send({ ...args, message: mailTexts(args.message) });
    }
  };
}

// ---- MCP servers ----------------------------------------------------------------------------------------------------

interface McpManager {
  buildMCPConnection?(options: unknown): unknown;
}

/**
 * An MCP server of the transport `stdio` is a program on this machine.
 * @param refuse throws
 */
export function confineMcpServers(app: Application, refuse: () => never): void {
  const manager = (app as unknown as { aiManager?: { mcpManager?: McpManager } }).aiManager?.mcpManager;
  if (typeof manager?.buildMCPConnection !== 'function') return;
  const build = manager.buildMCPConnection.bind(manager);
  manager.buildMCPConnection = (options) => {
    const connection = build(options);
    const { transport, command } = (connection ?? {}) as { transport?: unknown; command?: unknown };
    if (transport === 'stdio' || command !== undefined) refuse();
    return connection;
  };
}

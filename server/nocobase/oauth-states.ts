import type Database from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { Op } from 'sequelize';
import { AppError } from '../../src/errors';
import { takeToken } from '../../src/policies/limits';

/**
 * The plugin `idp-oauth` stores clients that anybody may register, and the state of sign-ins that anybody may begin. It
 * removes a row only if it is asked for again, and a client never: a visitor could fill the database. Here such requests
 * are bounded in number and size, and the oldest rows of visitors are removed. Clients by which users have signed in stay.
 */

const COLLECTION = 'oidcStates';
/** A client is unused if no user has signed in with it, or if its last sign-in has expired. */
const MAX_UNUSED_CLIENTS = 500;
const MAX_CLIENTS = 5_000;
/** Of each kind: sign-ins that were begun, sessions without a user, codes of devices. */
const MAX_VISITOR_ROWS = 2_000;
/** A client is used as long as there is one of these. */
const USES = ['Grant', 'RefreshToken'];
/** Rows for one statement. */
const CHUNK = 1_000;
/** Rows that are looked at for one sweep. */
const MAX_LOOK = 20_000;

/** The settings of a client, or the parameters of a sign-in. */
const MAX_BYTES = 16 * 2 ** 10;
const SWEEP_MS = 60_000;
/** Requests that make rows, after which a sweep is due before its time. */
const SWEEP_AFTER = 100;

/** Requests a second, and at once. A client that registers has the time of 500 others to sign a user in. */
const REGISTRATIONS = { rate: 0.5, burst: 30 };
const SIGN_INS = { rate: 4, burst: 60 };

const PROVIDER = '/idpOAuth/';
// The router of the provider does not ask for the case.
const REGISTER = /\/idpOAuth\/register/i;
const BEGIN = /\/idpOAuth\/(?:authorize|device\/auth)/i;

interface StateRow {
  id: number | string;
  oidcId: string;
  /** A member of what is stored, as text. Servers differ in how they compare one. */
  member?: string | null;
}

interface StateModel {
  findAll(options: object): Promise<StateRow[]>;
  destroy(options: { where: object; limit?: number }): Promise<number>;
}

/** Rows of one kind, or of several. */
class States {
  private readonly model: StateModel;

  constructor(private readonly db: Database) {
    this.model = db.getModel(COLLECTION) as unknown as StateModel;
  }

  /** @param member the member of what is stored that each row has */
  async find(kind: string, order: 'ASC' | 'DESC', member?: string): Promise<StateRow[]> {
    const { sequelize } = this.db;
    return await this.model.findAll({
      attributes: ['id', 'oidcId', ...(member ? [[sequelize.json(`payload.${member}`), 'member']] : [])],
      where: { model: kind },
      order: [['id', order]],
      limit: MAX_LOOK,
      raw: true,
    });
  }

  /** The values of a member of what is stored, each once. */
  async members(kinds: readonly string[], member: string): Promise<Set<string | null | undefined>> {
    const { sequelize } = this.db;
    const rows = await this.model.findAll({
      attributes: [[sequelize.fn('DISTINCT', sequelize.json(`payload.${member}`)), 'member']],
      where: { model: kinds },
      limit: MAX_LOOK,
      raw: true,
    });
    return new Set(rows.map((row) => row.member));
  }

  async remove(rows: readonly StateRow[]): Promise<void> {
    for (let at = 0; at < rows.length; at += CHUNK) {
      await this.model.destroy({ where: { id: rows.slice(at, at + CHUNK).map(({ id }) => id) } });
    }
  }

  async removeExpired(): Promise<void> {
    const now = Math.floor(Date.now() / 1_000);
    await this.model.destroy({ where: { expiresAt: { [Op.lte]: now } }, limit: MAX_LOOK });
  }
}

/** Removes clients, and what lets their owners change them. */
async function removeClients(states: States): Promise<void> {
  const used = await states.members(USES, 'clientId');
  let unused = 0;
  const surplus = (await states.find('Client', 'DESC')).filter(({ oidcId }, index) => {
    if (!used.has(oidcId)) unused += 1;
    return index >= MAX_CLIENTS || (unused > MAX_UNUSED_CLIENTS && !used.has(oidcId));
  });
  if (surplus.length === 0) return;
  await states.remove(surplus);
  const removed = new Set(surplus.map(({ oidcId }) => oidcId));
  const tokens = await states.find('RegistrationAccessToken', 'ASC', 'clientId');
  await states.remove(tokens.filter(({ member }) => member && removed.has(member)));
}

/** Removes rows that have expired, and the oldest rows of visitors beyond their number. */
export async function sweepStates(db: Database): Promise<void> {
  const states = new States(db);
  await states.removeExpired();
  for (const kind of ['Interaction', 'DeviceCode']) {
    await states.remove((await states.find(kind, 'DESC')).slice(MAX_VISITOR_ROWS));
  }
  const sessions = await states.find('Session', 'DESC', 'accountId');
  await states.remove(sessions.filter(({ member }) => !member).slice(MAX_VISITOR_ROWS));
  await removeClients(states);
}

interface OauthContext {
  path: string;
  method: string;
  originalUrl: string;
  request: { rawBody?: string };
  status?: number;
  type?: string;
  body?: unknown;
}

/** The provider answers a fault of its own as plain text: it gets a code, as all faults. */
export function assertNoFault(ctx: Pick<OauthContext, 'status' | 'type' | 'body'>): void {
  const { status = 0, type = '' } = ctx;
  if (status < 500 || type.includes('json')) return;
  // With its type and length.
  ctx.body = null;
  throw new AppError('APP_UNEXPECTED');
}

/** @throws APP_BODY_TOO_LARGE */
function assertSmall({ originalUrl, request }: OauthContext): void {
  const length = originalUrl.length + Buffer.byteLength(request.rawBody ?? '');
  if (length > MAX_BYTES) throw new AppError('APP_BODY_TOO_LARGE', { limit: MAX_BYTES, unit: 'bytes' });
}

/** The states of one instance. */
export class OauthStates {
  private readonly registrations = { tokens: REGISTRATIONS.burst, at: 0 };
  private readonly signIns = { tokens: SIGN_INS.burst, at: 0 };
  private made = 0;
  private sweptAt = -Infinity;

  /**
   * @param sweep removes rows; its failure is the caller's to log
   * @param now milliseconds of a monotonic clock
   */
  constructor(
    private readonly name: string,
    private readonly sweep: () => Promise<void>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Counts a request that makes rows.
   * @throws APP_TOO_MANY_REQUESTS, APP_BODY_TOO_LARGE
   */
  admit(ctx: OauthContext): void {
    const { path, method } = ctx;
    const registers = REGISTER.test(path);
    if (method === 'OPTIONS' || !(registers || BEGIN.test(path))) return;
    assertSmall(ctx);
    const { rate, burst } = registers ? REGISTRATIONS : SIGN_INS;
    const bucket = registers ? this.registrations : this.signIns;
    if (takeToken(bucket, rate, burst, this.now()) > 0) {
      throw new AppError('APP_TOO_MANY_REQUESTS', { name: this.name });
    }
    this.made += 1;
  }

  /** Removes rows if it is time. One request does it, others do not wait for it. */
  async sweepIfDue(): Promise<void> {
    if (this.made < SWEEP_AFTER && this.now() - this.sweptAt < SWEEP_MS) return;
    this.made = 0;
    this.sweptAt = this.now();
    await this.sweep();
  }
}

/** Bounds what visitors store by the identity provider of an instance, of main as well. Call it before each load. */
export function limitOauth(app: Application): void {
  const log = (message: string, fields: object = {}) => app.log.warn(message, { module: 'app-supervisor', ...fields });
  const sweep = async () => {
    if (app.db.hasCollection(COLLECTION)) await sweepStates(app.db);
    else log('clients of the identity provider are not removed: this version of NocoBase stores them in another way');
  };
  const states = new OauthStates(app.name, sweep);
  const serve = async (ctx: OauthContext, next: () => Promise<void>) => {
    states.admit(ctx);
    await next();
    await states
      .sweepIfDue()
      .catch((error: unknown) => log('cannot remove old rows of the identity provider', { error: String(error) }));
    assertNoFault(ctx);
  };
  const middleware = (ctx: OauthContext, next: () => Promise<void>): Promise<void> =>
    ctx.path.includes(PROVIDER) ? serve(ctx, next) : next();
  const place = { after: ['bodyParser', 'errorHandler'], before: ['cors', 'idp-oauth-provider'] };
  app.use(middleware as never, { tag: 'app-supervisor:oauth', ...place });
}

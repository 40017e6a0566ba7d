import type { IncomingMessage, ServerResponse } from 'node:http';
import { quotable } from '../../src/app-name';
import { AppError } from '../../src/errors';
import { isUploadAction } from '../../src/policies/body-size';
import { exceededQuery } from '../../src/policies/query-size';
import type { AppService } from '../app-service';
import type { AppRunner } from '../lifecycle/app-runner';
import { bodyArrival } from '../limits/body-arrival';
import { ErrorResponses, type ErrorResponse } from '../limits/error-response';
import { holdSlot } from '../limits/held-slots';
import type { SlotOutcome } from '../limits/request-slots';
import { isSignedForUser, readToken } from '../limits/token-signature';
import { bodyArrived, whenOver } from './departure';
import { rateHeaders } from './rate-headers';
import { retryAfter } from './refusal';
import { onLeaseEnd } from './request-lease';
import type { RequestPlace } from './request-reader';
import { atHead } from './response-head';
import { secretOf } from './token-secret';
import type { Router } from './router';

/** As the core knows it: the end of any path below the API's. */
export const HEALTH_CHECK = '/__health_check';

/** The key of requests that name no application of ours. */
export const NO_APPLICATION = '';
/** An upload above this size takes no request slot: it waits for its visitor's line, and uses little of the thread. */
const UPLOAD_BYTES = 2 ** 20;

/** Whether a request mainly brings a large file, by what it says. */
function isLargeUpload(req: IncomingMessage, path: string): boolean {
  if (req.method !== 'POST' && req.method !== 'PUT') return false;
  if (!req.headers['content-type']?.startsWith('multipart/') || !isUploadAction(req.method, path)) return false;
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > UPLOAD_BYTES;
}

const notFound = (name: string) => new AppError('APP_NOT_FOUND', { name });

/** @property wait seconds for `Retry-After`. @property extra further headers, names and values by turns */
interface Refusal {
  response: ErrorResponse;
  wait?: number;
  extra?: readonly string[];
}

/**
 * Decides, before anything is awaited or built, whether a request to an application is refused: an unknown name, an
 * application that is stopped or has failed, and the limits. A refusal is prepared once and sent many times, and a
 * client that is refused again and again waits for its response.
 */
export class RequestGate {
  private readonly responses = new ErrorResponses();

  constructor(
    private readonly service: AppService,
    private readonly router: Router,
  ) {}

  /** True: the request is answered, now or a second later. False: it goes on. Counts it against the rate. */
  refuses(req: IncomingMessage, res: ServerResponse): boolean {
    const route = this.router.route(req);
    if (route.kind === 'malformed') return this.refuseUnreadable(req, res);
    const place = this.router.place(req);
    const name = route.kind === 'main' ? place.pageApp : route.name;
    if (name === undefined || name === 'main') return false;
    const runner = route.kind === 'unknown' ? undefined : this.service.runner(name);
    if (!runner) {
      const shown = quotable(name);
      return this.refuseStranger(req, res, `APP_NOT_FOUND ${shown}`, () => notFound(shown));
    }
    return this.refusesAtRest(req, res, runner) || this.refusesByLimit(req, res, name, place);
  }

  /** Refuses a request whose query has more than anything that is measured; its parser must not see it. */
  refusesQuery(req: IncomingMessage, res: ServerResponse): boolean {
    const exceeded = exceededQuery(req.url ?? '', this.service.config.sizes.query);
    if (!exceeded) return false;
    const { limit, unit } = exceeded;
    const build = () => new AppError('APP_QUERY_TOO_LARGE', { limit, unit });
    return this.refuseStranger(req, res, `APP_QUERY_TOO_LARGE ${unit}`, build);
  }

  /** A request whose address cannot be read. */
  refuseUnreadable(req: IncomingMessage, res: ServerResponse): true {
    return this.refuseStranger(req, res, 'APP_REQUEST_INVALID', () => new AppError('APP_REQUEST_INVALID'));
  }

  /**
   * Refuses with an error that was met on the way in, such as that of a boot.
   * @param waited whether the request was held: then its response is not delayed
   */
  refuse(req: IncomingMessage, res: ServerResponse, error: AppError, runner?: AppRunner, waited = false): void {
    const response = this.responses.get(`${error.code} ${error.message}`, () => error);
    const wait = retryAfter(error, runner?.describe().retryAt);
    if (waited) response.send(req, res, wait);
    else this.answer(req, res, runner?.name ?? NO_APPLICATION, { response, wait });
  }

  /**
   * Takes a request slot of the application once the body has arrived: a client that sends it slowly holds none. The slot
   * is returned with the head of the response, or with the end of its handler.
   * @param held whether the request was held already while the application started
   * @returns true if the request is answered, or its visitor has left
   */
  takeSlot(req: IncomingMessage, res: ServerResponse, runner: AppRunner, held: boolean): boolean | Promise<boolean> {
    if (this.service.limits.of(runner.name).inForce.requestSlots === 0) return false;
    if (isLargeUpload(req, this.router.place(req).path)) return this.takeUploadPlace(req, res, runner, held);
    const arrival = bodyArrival(req);
    return arrival ? this.takeSlotAfter(arrival, req, res, runner, held) : this.takeSlotNow(req, res, runner, held);
  }

  /** Beyond their number, uploads of signed-in users take slots, and others are refused: a slow one would hold its slot. */
  private takeUploadPlace(...visit: Parameters<RequestGate['takeSlotNow']>): boolean | Promise<boolean> {
    const [req, res, { name }] = visit;
    const signed = isSignedForUser(readToken(req), secretOf(this.service, name));
    const leave = this.service.limits.of(name).uploads.take(signed);
    if (leave) {
      whenOver(req, res, leave);
      return false;
    }
    if (signed) return this.takeSlotNow(...visit);
    this.refuseBusy(req, res, name);
    return true;
  }

  private async takeSlotAfter(
    arrival: Promise<void>,
    ...visit: Parameters<RequestGate['takeSlotNow']>
  ): Promise<boolean> {
    const [req, res] = visit;
    return (await bodyArrived(arrival, req, res)) ? this.takeSlotNow(...visit) : true;
  }

  /** Takes a slot that is returned with the head of the response, or with the end of the handler. */
  private takeSlotNow(
    req: IncomingMessage,
    res: ServerResponse,
    runner: AppRunner,
    held: boolean,
  ): boolean | Promise<boolean> {
    const { slots } = this.service.limits.of(runner.name);
    const settle = (outcome: SlotOutcome): boolean => {
      if (outcome === 'refused') this.refuseBusy(req, res, runner.name);
      if (outcome !== 'admitted') return true;
      let used = true;
      const leave = () => {
        if (used) slots.leave();
        used = false;
      };
      atHead(res, leave);
      holdSlot(res, leave);
      // A handler that its visitor has left is still at work.
      onLeaseEnd(res, leave);
      return false;
    };
    const outcome = slots.take((left) => whenOver(req, res, left), !held);
    return typeof outcome === 'string' ? settle(outcome) : outcome.then(settle);
  }

  /** A stopped application stays stopped; one that failed is not tried again before its backoff is over. */
  private refusesAtRest(req: IncomingMessage, res: ServerResponse, runner: AppRunner): boolean {
    const { name, state } = runner;
    if (state === 'running' || state === 'asleep' || state === 'booting' || state === 'creating') return false;
    const { reason, since, retryAt } = runner.describe();
    if (state === 'stopped' || (state === 'draining' && reason === 'operator')) {
      const response = this.responses.get(`APP_STOPPED ${name}`, () => new AppError('APP_STOPPED', { name }));
      this.answer(req, res, name, { response, wait: retryAfter(response) });
      return true;
    }
    if (state === 'draining' || runner.mayTryAgain) return false;
    // One failure has one time.
    const response = this.responses.get(`${state} ${since} ${name}`, () => runner.lastFailure());
    this.answer(req, res, name, { response, wait: retryAfter(response, retryAt) });
    return true;
  }

  /** Pages, scripts and styles are the same for all applications, and monitors are answered here: neither counts. */
  private refusesByLimit(req: IncomingMessage, res: ServerResponse, name: string, place: RequestPlace): boolean {
    if (!place.needsApp || place.path.endsWith(HEALTH_CHECK)) return false;
    const ms = this.service.limits.of(name).takeRequest();
    if (ms > 0) this.refuseTooMany(req, res, name, ms);
    return ms > 0;
  }

  private refuseTooMany(req: IncomingMessage, res: ServerResponse, name: string, ms: number): void {
    const { limits } = this.service;
    limits.note(name, 'requestRate');
    const wait = Math.ceil(ms / 1_000);
    const response = this.responses.get(
      `APP_TOO_MANY_REQUESTS ${name}`,
      () => new AppError('APP_TOO_MANY_REQUESTS', { name }),
    );
    this.answer(req, res, name, { response, wait, extra: rateHeaders(limits.of(name).inForce.requestRate, wait) });
  }

  private refuseBusy(req: IncomingMessage, res: ServerResponse, name: string): void {
    const { limits } = this.service;
    limits.note(name, 'requestSlots');
    const { requestSlots, queueTimeout } = limits.of(name).inForce;
    const response = this.responses.get(`APP_BUSY ${name}`, () => new AppError('APP_BUSY', { name }));
    this.answer(req, res, name, { response, wait: queueTimeout, extra: rateHeaders(requestSlots, queueTimeout) });
  }

  private refuseStranger(req: IncomingMessage, res: ServerResponse, key: string, build: () => AppError): true {
    const response = this.responses.get(key, build);
    this.answer(req, res, NO_APPLICATION, { response, wait: retryAfter(response) });
    return true;
  }

  /** The first refusals are sent at once, further ones a second later; beyond their number the connection is closed. */
  private answer(req: IncomingMessage, res: ServerResponse, name: string, { response, wait, extra }: Refusal): void {
    const { limits } = this.service;
    if (limits.of(name).refusesAtOnce()) response.send(req, res, wait, extra);
    else if (!limits.delayed.add(name, () => response.send(req, res, wait, extra))) req.socket.destroy();
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createBrotliDecompress, createUnzip, type BrotliDecompress, type Unzip } from 'node:zlib';
import type { BodyMeter } from '../../src/body-meter';
import { AppError } from '../../src/errors';
import {
  bodyKind,
  exceededBound,
  meterFor,
  type BodyBounds,
  type BodyKind,
  type ExceededBound,
} from '../../src/policies/body-size';
import { lingerAfterResponse } from './lingering-close';

/** Takes the bytes of each part as it arrives, and returns an error if the body must not go on. */
export type BodyWatcher = (bytes: number) => AppError | undefined;

/** What an arriving body asks for. */
export interface ArrivalRules {
  /** For any request to its application. */
  bounds(kind: BodyKind): BodyBounds;
  /** For a request without a validly signed token. */
  tightBounds(kind: BodyKind): BodyBounds;
  /** Whether the request has a validly signed token. Asked only if the body exceeds the tight bounds. */
  isSigned(): boolean;
  tooLarge(exceeded: ExceededBound): AppError;
  /** Answers the request with an error. */
  refuse(error: AppError): void;
  /** Whether a part may be kept in memory beyond the buffer of the stream. It may refuse the body instead. */
  keep(bytes: number): boolean;
  /** The body has arrived, was refused, or its connection has closed. */
  onEnd(): void;
}

/** Calls the watcher for each further part of the body of a request. */
export function watchBody(req: IncomingMessage, watcher: BodyWatcher): void {
  arrivalOf(req)?.watch(watcher);
}

/** The bytes of a body that have arrived; 0 if there is none, or if it is not measured. */
export function receivedBytes(req: IncomingMessage): number {
  return arrivalOf(req)?.receivedBytes ?? 0;
}

/** The encodings that NocoBase decodes; its parser refuses others. */
function decoderFor(encoding: string | undefined): Unzip | BrotliDecompress | undefined {
  if (encoding === 'gzip' || encoding === 'deflate') return createUnzip();
  return encoding === 'br' ? createBrotliDecompress() : undefined;
}

type Push = (chunk: Buffer | null) => boolean;

/** A body of a known length up to this one is kept until it is complete, of whatever kind it is. */
const MAX_KEPT_LENGTH = 2 ** 20;
/** A body that brings less than this in a second, over the time of `SLOW_MS`, is slow. */
const SLOW_BYTES_PER_SECOND = 4_096;

/** A property, not an entry of a WeakMap: see docs/development.md, "The path of a request". */
const ARRIVAL = Symbol('the arrival of the body');

type Measured = IncomingMessage & { [ARRIVAL]?: BodyArrival };

function arrivalOf(req: Measured): BodyArrival | undefined {
  return req[ARRIVAL];
}

/**
 * Resolves when the body of a request is complete, when it will not arrive any more, or when the buffer of its stream is
 * full and must be read. Undefined if there is nothing to wait for.
 */
export function bodyArrival(req: IncomingMessage): Promise<void> | undefined {
  return arrivalOf(req)?.settled();
}

/**
 * The body of one request on its way in. Node's parser pushes it into the request piece by piece; this stands before
 * that and measures. What is within its bounds goes on unchanged, so that readers of the request notice nothing.
 * A compressed body that NocoBase would decode and parse is decoded here, and goes on without its encoding.
 * A body that exceeds its bounds is answered with 413, and its rest is dropped.
 */
export class BodyArrival {
  readonly startedAt = Date.now();
  readonly kind: BodyKind;
  private readonly meter: BodyMeter;
  private readonly push: Push;
  private decoder?: Unzip | BrotliDecompress;
  private refused = false;
  private ended = false;
  /** The stream takes no more until it is read. */
  private full = false;
  /** Whether the body is kept until it is complete: those that NocoBase parses as a whole, and small ones. */
  private kept = false;
  /** Before decoding. The limits of a compressed body hold before and after it is decoded. */
  private bytes = 0;
  /** Since when the speed is measured, and what had arrived then. */
  private measuredSince = this.startedAt;
  private measuredBytes = 0;
  private watcher?: BodyWatcher;
  private whenSettled?: () => void;
  private settling?: Promise<void>;
  private bodyEnded: () => void = () => undefined;

  constructor(
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly rules: ArrivalRules,
  ) {
    this.kind = bodyKind(req.headers['content-type']);
    this.meter = meterFor(this.kind);
    this.push = req.push.bind(req) as Push;
  }

  /** Call it before any piece of the body has arrived. */
  begin(): void {
    const { req } = this;
    req.once('close', () => this.end());
    const announced = Number(req.headers['content-length'] ?? 0);
    (req as Measured)[ARRIVAL] = this;
    if (this.refuseIfLarger(announced)) return;
    const isParsed = this.kind === 'json' || this.kind === 'form';
    this.kept = isParsed || (announced > 0 && announced <= MAX_KEPT_LENGTH);
    if (isParsed) this.decode();
    req.push = (chunk: Buffer | null) => this.receive(chunk);
  }

  /** See `bodyArrival`. */
  settled(): Promise<void> | undefined {
    if (this.ended || this.full) return undefined;
    return (this.settling ??= new Promise((resolve) => {
      this.whenSettled = resolve;
    }));
  }

  /** The bytes that have arrived. */
  get receivedBytes(): number {
    return this.bytes;
  }

  /** See `watchBody`. */
  watch(watcher: BodyWatcher): void {
    this.watcher = watcher;
  }

  /** Whether a request may be at work already whose body is not complete. */
  get isRead(): boolean {
    return this.full;
  }

  /**
   * Whether the client has been slow for this time. A connection that is not read, because nothing takes the body from the
   * stream, is not slow. Call it now and again.
   */
  isSlow(slowMs: number, now = Date.now()): boolean {
    const { req, receivedBytes } = this;
    const elapsed = now - this.measuredSince;
    const isFast = (receivedBytes - this.measuredBytes) * 1_000 >= SLOW_BYTES_PER_SECOND * elapsed;
    const isPaused = this.full && req.readableLength >= req.readableHighWaterMark;
    if (!isFast && !isPaused) return elapsed >= slowMs;
    this.measuredSince = now;
    this.measuredBytes = receivedBytes;
    return false;
  }

  /** Refuses a body that takes too long; one that was answered already loses its connection. */
  refuse(error: AppError): void {
    if (this.refused) return;
    this.refused = true;
    this.decoder?.destroy();
    this.req.push = (chunk: Buffer | null) => this.drop(chunk);
    if (this.res.headersSent) {
      this.req.destroy();
      return;
    }
    this.bodyEnded = lingerAfterResponse(this.req);
    this.res.setHeader('Connection', 'close');
    this.rules.refuse(error);
    this.end();
  }

  /** The body has arrived, or will not arrive any more. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.whenSettled?.();
    if (this.req.destroyed || this.req.socket.destroyed) this.decoder?.destroy();
    this.rules.onEnd();
  }

  private decode(): void {
    const { headers } = this.req;
    const decoder = decoderFor(headers['content-encoding']);
    if (!decoder) return;
    this.decoder = decoder;
    // As a body of unknown length, whose parser finds nothing to decode.
    delete headers['content-encoding'];
    delete headers['content-length'];
    headers['transfer-encoding'] = 'chunked';
    decoder.on('data', (chunk: Buffer) => {
      if (!this.measure(chunk)) this.rules.keep(chunk.length);
    });
    decoder.on('end', () => this.complete());
    decoder.on('error', (error) => {
      this.refuse(new AppError('APP_BODY_INVALID', { reason: 'its content encoding is not valid' }, error));
    });
  }

  /** In the place of `push` of the request; false asks Node to stop reading from the connection for now. */
  private receive(chunk: Buffer | null): boolean {
    const { decoder } = this;
    if (chunk) {
      this.bytes += chunk.length;
      const error = this.refused ? undefined : this.watcher?.(chunk.length);
      if (error) this.refuse(error);
    }
    if (!decoder) return chunk === null ? this.complete() : this.take(chunk);
    if (chunk === null) {
      decoder.end();
      return false;
    }
    if (this.refuseIfLarger(this.bytes)) return true;
    decoder.write(chunk);
    // What is decoded is bounded, so that there is no need to slow the client down.
    return true;
  }

  private take(chunk: Buffer): boolean {
    if (this.measure(chunk) || (this.kept && this.rules.keep(chunk.length)) || this.refused) return true;
    this.full = true;
    this.whenSettled?.();
    return false;
  }

  private measure(chunk: Buffer): boolean {
    if (this.refused) return true;
    this.meter.read(chunk);
    return this.refuseIfLarger(0) || this.push(chunk);
  }

  private complete(): boolean {
    this.end();
    return this.refused || this.push(null);
  }

  private drop(chunk: Buffer | null): boolean {
    if (chunk === null) this.bodyEnded();
    return true;
  }

  /** @param bytes announced or received before decoding */
  private refuseIfLarger(bytes: number): boolean {
    const { rules, kind, meter } = this;
    const measure = bytes > meter.bytes ? { bytes, values: meter.values, depth: meter.depth } : meter;
    const tight = exceededBound(measure, rules.tightBounds(kind));
    if (!tight) return false;
    const exceeded = rules.isSigned() ? exceededBound(measure, rules.bounds(kind)) : tight;
    if (!exceeded) return false;
    this.refuse(rules.tooLarge(exceeded));
    return true;
  }
}

import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

interface RequestParts {
  url?: string;
  method?: string;
  headers?: IncomingHttpHeaders;
  from?: string;
}

/** As much of a request as the doors read. */
export class FakeRequest {
  url: string;
  originalUrl?: string;
  method: string;
  headers: IncomingHttpHeaders;
  readonly socket: EventEmitter & { remoteAddress?: string; destroyed?: boolean };
  resumed = false;

  constructor({ url = '/', method = 'GET', headers = {}, from = '127.0.0.1' }: RequestParts = {}) {
    this.url = url;
    this.method = method;
    this.headers = { host: 'localhost:13000', ...headers };
    this.socket = Object.assign(new EventEmitter(), { remoteAddress: from });
  }

  resume(): this {
    this.resumed = true;
    return this;
  }

  get asMessage(): IncomingMessage {
    return this as unknown as IncomingMessage;
  }
}

/** As much of an answer as the doors write; `close` ends it as a visitor who leaves, or as its end. */
export class FakeResponse extends EventEmitter {
  statusCode = 200;
  headersSent = false;
  destroyed = false;
  body?: string;
  readonly headers: Record<string, string> = {};

  statusMessage = '';

  getHeaderNames(): string[] {
    return Object.keys(this.headers);
  }

  removeHeader(name: string): void {
    delete this.headers[name.toLowerCase()];
  }

  setHeader(name: string, value: string): this {
    this.headers[name.toLowerCase()] = value;
    return this;
  }

  end(body?: string): this {
    this.headersSent = true;
    this.body = body;
    return this;
  }

  destroy(): void {
    this.close();
  }

  close(): void {
    this.destroyed = true;
    this.emit('close');
  }

  get json(): { error: { code: string; status: number; message: string; maintaining: boolean } } {
    return JSON.parse(this.body ?? '') as never;
  }

  get asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }
}

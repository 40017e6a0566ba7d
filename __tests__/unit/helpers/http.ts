import { EventEmitter } from 'node:events';
import { ServerResponse, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

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
  readonly socket: EventEmitter & { remoteAddress?: string; destroyed?: boolean; destroy(): void };
  complete = false;
  resumed = false;

  constructor({ url = '/', method = 'GET', headers = {}, from = '127.0.0.1' }: RequestParts = {}) {
    this.url = url;
    this.method = method;
    this.headers = { host: 'localhost:13000', ...headers };
    const socket = new EventEmitter();
    this.socket = Object.assign(socket, {
      remoteAddress: from,
      destroyed: false,
      destroy: () => {
        this.socket.destroyed = true;
        socket.emit('close');
      },
    });
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

  getHeader(name: string): string | undefined {
    return this.headers[name.toLowerCase()];
  }

  hasHeader(name: string): boolean {
    return name.toLowerCase() in this.headers;
  }

  appendHeader(name: string, value: string): this {
    return this.setHeader(name, value);
  }

  /** Node's own, which the supervisor watches. */
  writeHead(status: number, headers?: readonly string[]): this {
    ServerResponse.prototype.writeHead.call(this.asResponse, status, headers as string[] | undefined);
    return this;
  }

  /** Called by Node's `writeHead`. */
  _storeHeader(_statusLine: string, headers: readonly string[] = []): void {
    for (let index = 0; index < headers.length; index += 2) {
      this.setHeader(String(headers[index]), String(headers[index + 1]));
    }
    this.headersSent = true;
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

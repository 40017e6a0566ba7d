import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { userInfo } from 'node:os';
import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { OPERATOR_HEADER, SOCKET_PATH_BYTES } from '../command-socket';
import { CommandFailure, EXIT, exitOfStatus } from './failure';
import { assertSocketOwner } from './socket-owner';

/** What an action answers with. */
export interface Answer {
  // Each verb knows what its action answers with.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  data: any;
  meta?: Record<string, unknown>;
}

export interface Call {
  query?: Record<string, string | undefined>;
  body?: object;
  /** Ends when the work has ended, however long that takes; another call answers within half a minute. */
  patient?: boolean;
}

const ANSWER_MS = 30_000;
/** A refusal in the middle of an upload comes before the broken pipe, or just after it. */
const LAST_WORD_MS = 1_000;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** The line to the running NocoBase: its actions, through the socket that only operators can open. */
export class SupervisorLine {
  constructor(
    readonly socket: string,
    private readonly language: string,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {}

  /** @throws CommandFailure */
  async call(action: string, { query, body, patient }: Call = {}): Promise<Answer> {
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const asked = this.open(action, query, content ? { 'Content-Type': 'application/json' } : {}, patient);
    asked.end(content);
    return this.answer(await this.response(asked));
  }

  /** An answer that is a file, as it comes, until it is whole or the signal is given. @throws CommandFailure */
  async download(action: string, query: Call['query'], signal: AbortSignal): Promise<IncomingMessage> {
    const asked = this.open(action, query, {});
    signal.addEventListener('abort', () => asked.destroy(), { once: true });
    asked.end();
    const response = await this.response(asked);
    if (response.statusCode !== 200) await this.answer(response);
    response.setTimeout(ANSWER_MS, () => response.destroy(this.broken('ETIMEDOUT')));
    return response;
  }

  /**
   * Sends a file in a form, beside some values.
   * @param told called with what has been sent, of how much
   */
  async upload(
    action: string,
    file: string,
    { query, body = {}, told }: Call & { told?: (sent: number, total: number) => void },
  ): Promise<Answer> {
    const stats = await stat(file);
    const { size } = stats;
    if (!stats.isFile() || size === 0) {
      throw new CommandFailure(EXIT.refused, 'ARCHIVE_EMPTY', 'There is nothing to send in {file}.', { file });
    }
    const boundary = `----${randomUUID()}`;
    const head = Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="values"\r\n\r\n${JSON.stringify(body)}\r\n` +
        `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="archive.tar"\r\n` +
        'Content-Type: application/x-tar\r\n\r\n',
    );
    const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
    const headers = {
      'Content-Type': `multipart/form-data; boundary=${boundary}`,
      'Content-Length': String(head.length + size + tail.length),
      // Else the server hangs up behind a refusal, and what it said is lost with the rest.
      Connection: 'keep-alive',
    };
    const asked = this.open(action, query, headers, true);
    // A refusal may come long before all is sent: then the rest is not sent.
    const enough = new AbortController();
    const answered = this.response(asked)
      .then((response) => this.answer(response))
      .finally(() => enough.abort());
    answered.catch(() => undefined);
    asked.write(head);
    let sent = 0;
    const source = createReadStream(file, { end: size - 1 }).on('data', (chunk) =>
      told?.((sent += chunk.length), size),
    );
    try {
      await pipeline(source, asked, { end: false, signal: enough.signal });
      if (sent < size) {
        throw new CommandFailure(EXIT.failed, 'ARCHIVE_CHANGED', '{file} has become shorter while it was sent.', {
          file,
        });
      }
      asked.end(tail);
      return await answered;
    } catch (error) {
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(this.broken(error)), LAST_WORD_MS).unref();
      });
      return await Promise.race([answered, late]);
    } finally {
      asked.destroy();
    }
  }

  private open(action: string, query: Call['query'], headers: Record<string, string>, patient = false): ClientRequest {
    if (Buffer.byteLength(this.socket) > SOCKET_PATH_BYTES) {
      const sentence =
        'The path of the socket is longer than {limit} bytes, and no NocoBase can listen there: {socket}';
      throw new CommandFailure(EXIT.noServer, 'SOCKET_PATH_TOO_LONG', sentence, {
        limit: SOCKET_PATH_BYTES,
        socket: this.socket,
      });
    }
    assertSocketOwner(this.socket, this.env);
    const given = Object.entries(query ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const search = new URLSearchParams(given).toString();
    const asked = request({
      socketPath: this.socket,
      path: `/${action}${search && `?${search}`}`,
      method: action.endsWith(':downloadArchive') ? 'GET' : 'POST',
      headers: { 'X-Locale': this.language, [OPERATOR_HEADER]: encodeURIComponent(operatorName()), ...headers },
      agent: false,
    });
    if (!patient) asked.setTimeout(ANSWER_MS, () => asked.destroy(this.broken('ETIMEDOUT')));
    return asked;
  }

  private response(asked: ClientRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      asked.once('response', resolve);
      asked.on('error', (error) => reject(this.broken(error)));
    });
  }

  private async answer(response: IncomingMessage): Promise<Answer> {
    const pieces: Buffer[] = [];
    let size = 0;
    try {
      for await (const piece of response as AsyncIterable<Buffer>) {
        size += piece.length;
        if (size > MAX_ANSWER_BYTES) throw new Error('too long an answer');
        pieces.push(piece);
      }
    } catch (error) {
      throw this.broken(error);
    }
    const body = parse(Buffer.concat(pieces).toString());
    const status = response.statusCode ?? 500;
    if (status < 400) {
      if ('data' in body) return body as unknown as Answer;
      const sentence = 'What answers at {socket} does not answer as the App Supervisor does (status {status}).';
      throw new CommandFailure(EXIT.failed, 'ANSWER_UNREADABLE', sentence, { socket: this.socket, status });
    }
    const [told] = (body.errors ?? []) as { code?: string; message?: string }[];
    const message = told?.message ?? `NocoBase answered with status ${status}.`;
    throw new CommandFailure(exitOfStatus(status), told?.code ?? `HTTP_${status}`, message);
  }

  /** What a connection that fails means. */
  broken(error: unknown): CommandFailure {
    if (error instanceof CommandFailure) return error;
    const code = typeof error === 'string' ? error : ((error as NodeJS.ErrnoException)?.code ?? String(error));
    const params = { socket: this.socket, code };
    if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'ENOTSOCK'].includes(code)) {
      const sentence =
        'No NocoBase with the App Supervisor at work listens at {socket}. Start NocoBase, or run the command with the same STORAGE_PATH or SOCKET_PATH as NocoBase.';
      return new CommandFailure(EXIT.noServer, 'NO_SERVER', sentence, params);
    }
    if (code === 'EACCES' || code === 'EPERM') {
      const sentence = 'You may not open {socket}: run the command as the user that runs NocoBase.';
      return new CommandFailure(EXIT.refused, 'NOT_PERMITTED', sentence, params);
    }
    const sentence =
      'The connection to NocoBase was lost ({code}). What was accepted goes on, or is taken up when NocoBase starts again.';
    return new CommandFailure(EXIT.failed, 'CONNECTION_LOST', sentence, params);
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Behind `sudo` also who that was. */
export function operatorName(env: NodeJS.ProcessEnv = process.env): string {
  const user = userName();
  return env.SUDO_USER ? `${env.SUDO_USER} (as ${user})` : user;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry, as in many containers.
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}

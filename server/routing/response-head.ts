import { ServerResponse } from 'node:http';
import type { ResponseProgress } from '../limits/recent-use';

type WriteHead = (this: ServerResponse, status: number, reason?: unknown, headers?: unknown) => ServerResponse;
type HeadListener = (res: ServerResponse) => void;
type EveryHeadListener = (res: ServerResponse, status: number, given: unknown) => void;

/** On a response of which the head is watched. A wrapper of its own `writeHead` would cost each request far more. */
const LISTENER = Symbol('called before the head is written');

const PROGRESS = Symbol('how far the response is');

type Watched = ServerResponse & { [LISTENER]?: HeadListener; [PROGRESS]?: ResponseProgress };

const responses = ServerResponse.prototype as unknown as { writeHead: WriteHead };
let original: WriteHead | undefined;
let everyHead: EveryHeadListener | undefined;

function writeHead(this: Watched, status: number, reason?: unknown, headers?: unknown): ServerResponse {
  const write = original as WriteHead;
  // Node refuses a second head, and such a status.
  if (this.headersSent || !(status >= 100 && status <= 999)) return write.call(this, status, reason, headers);
  const progress = this[PROGRESS];
  if (progress) progress.headersSent = true;
  const given = headers ?? reason;
  everyHead?.(this, status, given);
  const listener = this[LISTENER];
  if (!listener) return write.call(this, status, reason, headers);
  if (typeof given !== 'object' || given === null) {
    listener(this);
    return write.call(this, status, reason, headers);
  }
  adopt(this, given);
  listener(this);
  return write.call(this, status, typeof reason === 'string' ? reason : undefined);
}

/** The headers of one call become those of the response, so that the listener reads all of them in one place. */
function adopt(res: ServerResponse, headers: object): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (name) res.setHeader(name, value as string);
    return;
  }
  // A list may name a header several times.
  const pairs = pairsOf(headers);
  for (const [name] of pairs) if (name) res.removeHeader(name);
  for (const [name, value] of pairs) if (name) res.appendHeader(name, value);
}

/** Names and values by turns, or lists of two. */
function pairsOf(list: readonly unknown[]): (readonly [string, string])[] {
  if (Array.isArray(list[0])) return list as [string, string][];
  const pairs: [string, string][] = [];
  for (let at = 0; at < list.length; at += 2) pairs.push([list[at] as string, list[at + 1] as string]);
  return pairs;
}

/** The replacement stays for the life of the process: a response may outlive the plugin. */
function install(): void {
  if (original) return;
  original = responses.writeHead;
  responses.writeHead = writeHead;
}

/**
 * Calls the listener before the head of this response is written, when all its headers are known. The listener is called
 * again if Node refuses the head.
 */
export function atHead(res: ServerResponse, listener: HeadListener): void {
  install();
  const watched = res as Watched;
  const former = watched[LISTENER];
  watched[LISTENER] = former
    ? (response) => {
        former(response);
        listener(response);
      }
    : listener;
}

/** Tells how far this response is, also after it is gone. */
export function progressOf(res: ServerResponse): ResponseProgress {
  install();
  return ((res as Watched)[PROGRESS] ??= { headersSent: res.headersSent });
}

/**
 * Calls the listener before each head of this process is written, with the headers of the call, if there are any: an object
 * or a list. Undefined ends that.
 */
export function atEveryHead(listener: EveryHeadListener | undefined): void {
  everyHead = listener;
  if (listener) install();
}

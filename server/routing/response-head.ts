import type { ServerResponse } from 'node:http';

type WriteHead = ServerResponse['writeHead'];

/** Calls the listener once, before the head of the response is written, with what the head is written from. */
export function atHead(res: ServerResponse, listener: (head: readonly unknown[]) => void): void {
  const own = Object.getOwnPropertyDescriptor(res, 'writeHead');
  const writeHead = res.writeHead.bind(res);
  res.writeHead = ((...head: Parameters<WriteHead>) => {
    // Once is enough.
    if (own) Object.defineProperty(res, 'writeHead', own);
    else delete (res as Partial<ServerResponse>).writeHead;
    listener(head);
    return writeHead(...head);
  }) as WriteHead;
}

/** The media type of a response, read just before its head is written; undefined without one. */
export function mediaTypeOf(res: ServerResponse, head: readonly unknown[]): string | undefined {
  const given = head.at(-1);
  const pairs = Array.isArray(given) ? pairsOf(given) : Object.entries((typeof given === 'object' && given) || {});
  const written = pairs.find(([name]) => String(name).toLowerCase() === 'content-type')?.[1];
  const type = written ?? res.getHeader('content-type');
  return typeof type === 'string' ? type.split(';')[0]?.trim().toLowerCase() : undefined;
}

/** Names and values by turns, or lists of two. */
function pairsOf(list: readonly unknown[]): (readonly [unknown, unknown])[] {
  if (Array.isArray(list[0])) return list as [unknown, unknown][];
  return list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]] as const] : []));
}

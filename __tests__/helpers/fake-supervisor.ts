import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export type Reply = (res: ServerResponse, asked: Asked) => void;

export interface Asked {
  action: string;
  query: Record<string, string>;
  body: string;
}

/** What stands in for NocoBase at the other end of a command's line: each action answers as the test says. */
export class FakeSupervisor {
  readonly asked: Asked[] = [];
  private readonly server: Server;
  private readonly replies: Record<string, Reply> = {};

  constructor(readonly socket: string) {
    this.server = createServer((req, res) => void this.receive(req, res));
  }

  static json =
    (body: unknown, status = 200): Reply =>
    (res) =>
      res.writeHead(status).end(JSON.stringify(body));

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(this.socket, resolve));
    return this;
  }

  /** @param reply what a call is answered with: data, or whatever a function does */
  on(action: string, reply: Reply | object): this {
    this.replies[action] = typeof reply === 'function' ? (reply as Reply) : FakeSupervisor.json({ data: reply });
    return this;
  }

  /** Which actions were asked for. */
  get actions(): string[] {
    return this.asked.map(({ action }) => action);
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async receive(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '', 'http://x');
    const pieces: Buffer[] = [];
    // Who gives up in the middle has been told of all the same.
    await (async () => {
      for await (const piece of req) pieces.push(piece as Buffer);
    })().catch(() => undefined);
    const action = url.pathname.slice(1);
    const asked = { action, query: Object.fromEntries(url.searchParams), body: Buffer.concat(pieces).toString() };
    this.asked.push(asked);
    const reply = this.replies[action] ?? FakeSupervisor.json({ errors: [{ code: 'NONE', message: 'none' }] }, 404);
    reply(res, asked);
  }
}

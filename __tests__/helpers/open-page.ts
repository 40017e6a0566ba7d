import WebSocket from 'ws';

/** As in NocoBase's client: a page tries so often, and so long after the connection has closed. */
const ATTEMPTS = 30;
const INTERVAL_MS = 1_000;

/** The WebSocket of a page of NocoBase that stays open, and comes back as NocoBase's client does. */
export class OpenPage {
  private socket?: WebSocket;
  private attempts = 0;
  private timer?: NodeJS.Timeout;

  /** @param messages what the page sends when it is connected */
  constructor(
    private readonly url: string,
    private readonly messages: readonly string[],
  ) {
    this.connect();
  }

  get connected(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  close(): void {
    this.attempts = ATTEMPTS;
    clearTimeout(this.timer);
    this.socket?.terminate();
  }

  private connect(): void {
    if (this.attempts >= ATTEMPTS) return;
    this.attempts += 1;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.on('open', () => {
      this.attempts = 0;
      for (const message of this.messages) socket.send(message);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.timer = setTimeout(() => this.connect(), INTERVAL_MS);
    });
  }
}

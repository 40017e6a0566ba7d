import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A server of the test's own on this machine; `end` closes it with all that is connected. */
export interface FakeServer {
  port: number;
  end(): Promise<void>;
}

async function listen(onSocket: (socket: Socket) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    end: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Another address of the same server. */
export function forwarder(to: { host: string; port: number }): Promise<FakeServer> {
  return listen((socket) => {
    const upstream = connect(to.port, to.host);
    upstream.on('error', () => socket.destroy());
    upstream.once('close', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  });
}

/** Another address of the same server, which can be away for a while. */
export class UnsteadyForwarder {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  port = 0;

  private constructor(to: { host: string; port: number }) {
    this.server = createServer((socket) => {
      const upstream = connect(to.port, to.host);
      for (const end of [socket, upstream]) {
        this.sockets.add(end);
        end.on('error', () => undefined);
        end.once('close', () => {
          this.sockets.delete(end);
          socket.destroy();
          upstream.destroy();
        });
      }
      socket.pipe(upstream).pipe(socket);
    });
  }

  static async start(to: { host: string; port: number }): Promise<UnsteadyForwarder> {
    const forwarder = new UnsteadyForwarder(to);
    await forwarder.comeBack();
    forwarder.port = (forwarder.server.address() as AddressInfo).port;
    return forwarder;
  }

  /** Breaks every line; new ones are refused. */
  goAway(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  comeBack(): Promise<void> {
    return new Promise((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
  }

  /** Breaks every line; new ones are taken. */
  breakLines(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** Another address of the same server, over a line that breaks when so many pieces have gone to the server. */
export function breakingForwarder(to: { host: string; port: number }, pieces: number): Promise<FakeServer> {
  return listen((socket) => {
    const upstream = connect(to.port, to.host);
    let left = pieces;
    upstream.on('error', () => socket.destroy());
    upstream.once('close', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
    upstream.pipe(socket);
    socket.on('data', (piece) => {
      left -= 1;
      if (left >= 0) upstream.write(piece);
      // The server gets to know what it was told, and nobody hears of it.
      if (left <= 0) upstream.end(() => socket.destroy());
    });
  });
}

/** Another address of the same PostgreSQL, as of a pooler that calls one of its databases by a name of its own. */
export function renamingForwarder(to: { host: string; port: number; database: string }, alias: string) {
  return listen((socket) => {
    const upstream = connect(to.port, to.host);
    upstream.on('error', () => socket.destroy());
    upstream.once('close', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
    upstream.pipe(socket);
    socket.once('data', (piece) => {
      const text = piece.subarray(4).toString('latin1');
      const begin = Buffer.from(text.replace(`\0database\0${alias}\0`, `\0database\0${to.database}\0`), 'latin1');
      const length = Buffer.alloc(4);
      length.writeInt32BE(begin.length + 4);
      upstream.write(Buffer.concat([length, begin]));
      socket.pipe(upstream);
    });
  });
}

/** Another address of the same PostgreSQL, behind which nobody hears a good-bye, and nobody says one. */
export function deafForwarder(to: { host: string; port: number }): Promise<FakeServer> {
  return listen((socket) => {
    socket.allowHalfOpen = true;
    const upstream = connect(to.port, to.host);
    upstream.on('error', () => undefined);
    upstream.pipe(socket, { end: false });
    socket.once('close', () => upstream.destroy());
    socket.on('data', (piece) => {
      if (piece[0] !== 'X'.charCodeAt(0)) upstream.write(piece);
    });
  });
}

/** Takes every connection, and never says a word. */
export function silentServer(): Promise<FakeServer> {
  return listen((socket) => socket.resume());
}

/** Speaks another protocol. */
export function foreignServer(): Promise<FakeServer> {
  return listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
}

/** A PostgreSQL that asks for a password, and accepts none. */
export function suspiciousServer(): Promise<FakeServer> {
  const askPassword = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
  const fields = Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed\0\0');
  const refusal = Buffer.concat([Buffer.from([0x45, 0, 0, 0, fields.length + 4]), fields]);
  return listen((socket) => {
    socket.once('data', () => {
      socket.write(askPassword);
      socket.once('data', () => socket.end(refusal));
    });
  });
}

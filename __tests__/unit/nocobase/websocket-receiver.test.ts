import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { endAtInvalidFrame } from '../../../server/nocobase/websocket-receiver';

interface Server {
  on(event: 'connection', listener: (ws: Connection) => void): void;
  address(): AddressInfo;
  close(): void;
}

interface Connection {
  on(event: 'message' | 'error' | 'close', listener: (...args: unknown[]) => void): void;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- the host's copy, which has no types here
const { WebSocketServer } = require('ws') as { WebSocketServer: new (options: object) => Server };

const MASK = [1, 2, 3, 4];

/** A frame of a client, as RFC 6455 has it. */
function frame(opcode: number, payload: readonly number[]): Buffer {
  const masked = payload.map((byte, index) => byte ^ (MASK[index % 4] ?? 0));
  return Buffer.from([0x80 | opcode, 0x80 | payload.length, ...MASK, ...masked]);
}

const TEXT = frame(1, [0x61]);
const INVALID = {
  'a close code that does not exist': frame(8, [3, 238]),
  'a text that is no UTF-8': frame(1, [0xff, 0xfe]),
  'a fragment of nothing': frame(0, [0x61]),
  'an opcode that does not exist': frame(3, [0x61]),
  'a length of a control frame': frame(8, [3]),
};

describe('a WebSocket connection whose messages are read one in each turn', () => {
  let server: Server;
  const ends: { code: unknown; messages: number }[] = [];

  beforeAll(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', allowSynchronousEvents: false, maxPayload: 1_000 });
    server.on('connection', (ws) => {
      expect(endAtInvalidFrame(ws)).toBe(true);
      const end = { code: undefined as unknown, messages: 0 };
      ends.push(end);
      ws.on('message', () => (end.messages += 1));
      ws.on('error', () => undefined);
      ws.on('close', (code) => (end.code = code));
    });
    await pause(50);
  });

  afterAll(() => server.close());

  /** Each piece arrives on its own. */
  async function send(...pieces: Buffer[]): Promise<void> {
    const socket = connect(server.address().port, '127.0.0.1').setNoDelay();
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const key = Buffer.alloc(16).toString('base64');
    socket.write(
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    await once(socket, 'data');
    for (const piece of pieces) socket.write(piece);
    await pause(100);
    socket.destroy();
    await pause(50);
  }

  it.each(Object.entries(INVALID))('ends at %s, and reads no more', async (_name, invalid) => {
    // In one piece, all is read from one chunk. The receiver gets the chunks of one packet through its own buffer, too.
    await send(TEXT, invalid, frame(1, [...Buffer.from('bbbbbbbb')]), Buffer.alloc(100));
    await send(Buffer.concat([TEXT, invalid, frame(1, [...Buffer.from('bbbbbbbb')])]), Buffer.alloc(100));
    expect(ends.splice(0)).toEqual([
      { code: expect.any(Number) as number, messages: 1 },
      { code: expect.any(Number) as number, messages: 1 },
    ]);
  });

  it('reads valid messages to the end, in their order', async () => {
    await send(TEXT, Buffer.concat([TEXT, TEXT]), frame(9, []), TEXT, frame(8, [3, 232]));
    expect(ends.splice(0)).toEqual([{ code: 1_000, messages: 4 }]);
  });

  it('of another package is left as it is', () => {
    for (const other of [{}, { _receiver: undefined }, { _receiver: {} }]) expect(endAtInvalidFrame(other)).toBe(false);
  });
});

describe('chunks that wait in a receiver', () => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- as above
  const { Receiver } = require('ws') as { Receiver: new (options: object) => NodeJS.WritableStream };

  it.each(Object.entries(INVALID))('are not read after %s', async (_name, invalid) => {
    const receiver = new Receiver({ isServer: true, allowSynchronousEvents: false, maxPayload: 1_000 });
    endAtInvalidFrame({ _receiver: receiver });
    const errors: unknown[] = [];
    receiver.on('error', (error) => errors.push(error));
    for (const chunk of [TEXT, invalid, frame(1, [...Buffer.from('bbbbbbbb')]), Buffer.alloc(100)])
      receiver.write(chunk);
    await pause(50);
    expect(errors).toHaveLength(1);
  });
});

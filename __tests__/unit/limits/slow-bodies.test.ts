import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { BodyGuard } from '../../../server/limits/body-guard';
import { UnfinishedBodies } from '../../../server/limits/unfinished-bodies';
import { refuse } from '../../../server/routing/refusal';
import { open } from '../helpers/front-door-world';
import { signToken } from '../helpers/tokens';

const SECRET = 'the secret of crm';
const TOKEN = `Bearer ${signToken({ userId: 1 }, SECRET)}`;
const PATH = '/api/__app/crm/auth:signIn';

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server with the guard and the front door; its handler reads the body, as NocoBase's does. */
describe('slow bodies', () => {
  let world: ReturnType<typeof open>;
  let guard: BodyGuard;
  let server: Server;
  let sockets: Socket[];
  let handled: number[];
  let answers: ServerResponse[];

  const slots = () => world.service.limits.of('crm').slots;

  beforeEach(async () => {
    [sockets, handled, answers] = [[], [], []];
    world = open();
    world.crm.condition = { state: 'running', since: 0 };
    world.service.supervisor.appStatus.crm = 'running';
    world.own.crm = { requestSlots: 2, requestQueue: 100, queueTimeout: 1 };
    guard = new BodyGuard(
      {
        sizes: world.service.config.sizes,
        ready: true,
        appOf: () => 'crm',
        secretOf: () => SECRET,
        maxBodyBytes: () => 2 ** 30,
        bodyTimeMs: () => 0,
        refuse,
        noteTooLarge: () => undefined,
      },
      20,
      300,
    );
    server = createServer((req, res) => {
      answers.push(res);
      void (async () => {
        if ((await world.door.handle(req, res)) !== false) return;
        let bytes = 0;
        for await (const piece of req) bytes += (piece as Buffer).length;
        handled.push(bytes);
        res.end('ok');
      })().catch(() => undefined);
    });
    guard.install(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    for (let tries = 0; tries < 100 && (guard.unfinished > 0 || slots().inFlight > 0); tries += 1) await wait(10);
    guard.uninstall();
    for (let tries = 0; tries < 100 && guard.keptOf('crm') > 0; tries += 1) await wait(10);
    expect(guard.keptOf('crm')).toBe(0);
    expect([guard.unfinished, slots().inFlight, slots().waiting, world.door.traffic.size]).toEqual([0, 0, 0, 0]);
  });

  /** Sends the head and the first part of a body. */
  function begin(length: number, sent = '{', headers = ''): { socket: Socket; answer: () => string } {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => (received += data.toString()));
    socket.on('error', () => undefined);
    sockets.push(socket);
    socket.write(
      `POST ${PATH} HTTP/1.1\r\nHost: localhost:13000\r\nContent-Type: application/json\r\n${headers}` +
        `Content-Length: ${length}\r\n\r\n${sent}`,
    );
    return { socket, answer: () => received };
  }

  async function answered(answer: () => string, ms = 1_000): Promise<string> {
    for (let waited = 0; waited < ms && answer() === ''; waited += 5) await wait(5);
    return answer().split('\r\n')[0] ?? '';
  }

  it('slow bodies: unfinished ones hold no slot, and a neighbour of the same application is answered at once', async () => {
    for (let count = 0; count < 4; count += 1) begin(5_000);
    await wait(50);
    expect(slots().inFlight).toBe(0);
    expect(await answered(begin(2, '{}').answer, 150)).toBe('HTTP/1.1 200 OK');
  });

  it.each(['when it was read', 'when its client leaves after an early answer'])(
    'slow bodies: nothing of a body is kept %s',
    async (how) => {
      const { socket, answer } = begin(400_000, 'x'.repeat(200_000), `Authorization: ${TOKEN}\r\n`);
      for (let tries = 0; tries < 100 && guard.keptOf('crm') === 0; tries += 1) await wait(10);
      expect(guard.keptOf('crm')).toBeGreaterThan(0);
      if (how === 'when it was read') {
        socket.write('x'.repeat(200_000));
        expect(await answered(answer)).toBe('HTTP/1.1 200 OK');
        return;
      }
      // An answer before the end of the body, as of an application that is stopped meanwhile.
      answers.at(-1)?.end('early');
      await answered(answer);
      socket.destroy();
    },
  );

  it('slow bodies: the handler begins with the last byte, and reads all of them', async () => {
    const { socket, answer } = begin(100_000, 'x'.repeat(60_000));
    await wait(50);
    expect([answer(), slots().inFlight, handled]).toEqual(['', 0, []]);
    socket.write('x'.repeat(40_000));
    expect(await answered(answer)).toBe('HTTP/1.1 200 OK');
    expect(handled).toEqual([100_000]);
  });

  it.each([
    ['without a token it is 408', '', 'HTTP/1.1 408 Request Timeout'],
    ['with a token it may go on', `Authorization: ${TOKEN}\r\n`, ''],
  ])('slow bodies: %s', async (_case, headers, status) => {
    const { answer } = begin(5_000, '{', headers);
    expect(await answered(answer, 700)).toBe(status);
  });

  it('slow bodies: a fast client without a token may take longer than a slow one', async () => {
    const { socket, answer } = begin(60_000, '');
    for (let sent = 0; sent < 60_000; sent += 2_000) {
      socket.write('x'.repeat(2_000));
      await wait(20);
      if (sent < 58_000) expect(answer()).toBe('');
    }
    expect(await answered(answer)).toBe('HTTP/1.1 200 OK');
  });

  it('slow bodies: a visitor that leaves holds nothing', async () => {
    begin(5_000).socket.destroy();
    await wait(50);
    expect([guard.unfinished, world.door.traffic.size, world.crm.leases]).toEqual([0, 0, 0]);
  });

  it('slow bodies: pipelined requests are answered in their order', async () => {
    const { socket, answer } = begin(2, '');
    socket.write(`{}POST ${PATH} HTTP/1.1\r\nHost: localhost:13000\r\nContent-Length: 3\r\n\r\nab`);
    await answered(answer);
    socket.write('c');
    await wait(100);
    expect(answer().match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(handled).toEqual([2, 3]);
  });

  it('slow bodies: a client that waits for "100 Continue" gets it', async () => {
    const { socket, answer } = begin(2, '', 'Expect: 100-continue\r\n');
    expect(await answered(answer)).toBe('HTTP/1.1 100 Continue');
    socket.write('{}');
    await wait(100);
    expect(answer()).toContain('HTTP/1.1 200');
  });

  it('slow bodies: a request that was held for a boot waits for its body as well, and then for its slot', async () => {
    world.crm.condition = { state: 'asleep', since: 0 };
    const { socket, answer } = begin(4, '{');
    await wait(50);
    world.crm.up();
    await wait(50);
    expect([answer(), slots().inFlight]).toEqual(['', 0]);
    socket.write('12}');
    expect(await answered(answer)).toBe('HTTP/1.1 200 OK');
  });
});

describe('the bound of unfinished bodies', () => {
  const body = (name: string, signed = false) => ({
    app: () => name,
    isSigned: () => signed,
    refuse: jest.fn(),
  });

  it('unfinished bodies: beyond their number, the oldest one without a token of the same application ends', () => {
    const bodies = new UnfinishedBodies(3);
    const [other, signed, oldest, next] = [body('erp'), body('crm', true), body('crm'), body('crm')];
    for (const each of [other, signed, oldest, next]) bodies.add(each);
    expect(oldest.refuse).not.toHaveBeenCalled();
    bodies.add(body('crm'));
    expect(oldest.refuse).toHaveBeenCalledWith(expect.objectContaining({ code: 'APP_BUSY' }));
    for (const each of [other, signed, next]) expect(each.refuse).not.toHaveBeenCalled();
  });

  it('unfinished bodies: main is not bounded', () => {
    const bodies = new UnfinishedBodies(1);
    const all = [body('main'), body('main'), body('main')];
    for (const each of all) bodies.add(each);
    for (const each of all) expect(each.refuse).not.toHaveBeenCalled();
  });

  it('unfinished bodies: memory is bounded, and ends the oldest one without a token', () => {
    const bodies = new UnfinishedBodies(10, 100);
    const [first, second, signed] = [body('crm'), body('crm'), body('crm', true)];
    for (const each of [first, second, signed]) bodies.add(each);
    expect(bodies.keep(first, 60)).toBe(true);
    expect(bodies.keep(second, 60)).toBe(true);
    expect(first.refuse).toHaveBeenCalledTimes(1);
    expect(bodies.keep(signed, 101)).toBe(false);
    expect(bodies.keep(signed, 100)).toBe(true);
    expect(signed.refuse).not.toHaveBeenCalled();
    bodies.delete(signed);
    expect(bodies.keptOf('crm')).toBe(100);
    for (let time = 0; time < 2; time += 1) bodies.free(signed);
    expect([bodies.keptOf('crm'), bodies.size]).toEqual([0, 0]);
  });

  it('unfinished bodies: an overflow of the memory ends one body, although its connection stays open', () => {
    const bodies = new UnfinishedBodies(10, 100);
    const [first, second, third] = [body('crm'), body('crm'), body('crm')];
    for (const each of [first, second, third]) bodies.add(each);
    for (const each of [first, second]) expect(bodies.keep(each, 50)).toBe(true);
    expect(bodies.keep(third, 50)).toBe(true);
    expect([first, second, third].map(({ refuse: refused }) => refused.mock.calls.length)).toEqual([1, 0, 0]);
  });
});

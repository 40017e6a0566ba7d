import { Agent, request } from 'node:http';
import fc from 'fast-check';
import WebSocket from 'ws';
import { hostileFrame, hostileRequest, type HostileFrame, type HostileRequest } from '../helpers/hostile-input';
import { LoopProbe, type ProbeFigures } from '../helpers/loop-probe';
import { optionObjects, readOptionTypes } from '../helpers/option-types';
import { TestHost } from '../helpers/test-host';

/** Another one by FUZZ_SEED. A failure names it, and the same input comes again. */
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_114);
const REQUESTS = 10_000;
const FRAMES = 10_000;
const OPTION_OBJECTS = 2_000;
const AT_ONCE = 12;
const MAX_BLOCKED_MS = 250;
const MAX_GROWTH_BYTES = 48 * 2 ** 20;
/** Database pools open and close connections by themselves. */
const MAX_NEW_DESCRIPTORS = 40;
/** For one request, also behind many others. */
const ANSWER_MS = 60_000;
/** For one test, on a machine that has other work. */
const TEST_MS = 1_800_000;

interface Outcome {
  status?: number;
  text: string;
}

const shown = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text);
const inWords = ({ method, path: where, headers, body }: HostileRequest) =>
  shown(`${method} ${shown(where)} ${shown(JSON.stringify(headers))} ${shown(body?.toString('latin1') ?? '')}`);

describe(`hostile input, seed ${SEED}`, () => {
  let host: TestHost;
  let probe: LoopProbe;
  let agent: Agent;
  let tokens: string[];

  beforeAll(async () => {
    probe = await LoopProbe.open();
    host = await TestHost.start({
      env: {
        ...probe.env,
        LOGGER_LEVEL: 'error',
        // Refusals for rate and connections would hide the rest.
        APP_SUPERVISOR_LIMIT_REQUEST_SLOTS: '0',
        APP_SUPERVISOR_LIMIT_REQUEST_RATE: '0',
        APP_SUPERVISOR_IDLE_TIMEOUT: '0',
      },
    });
    for (const name of ['fuzz', 'other']) expect((await host.create({ name })).status).toBe(200);
    expect((await host.get('/api/app:getInfo', { 'X-App': 'fuzz' })).status).toBe(200);
    // Signed by an application, and sent to the others only.
    tokens = [await host.token('other'), (await host.token('fuzz')).slice(0, -3)];
    agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  });

  afterAll(async () => {
    agent?.destroy();
    await host?.end();
    await probe?.close();
  });

  const figures = () => probe.figures(host);

  function send({ method, path: where, headers, body, chunk }: HostileRequest): Promise<Outcome> {
    return new Promise((resolve) => {
      const length: Record<string, string> = {};
      if (body)
        Object.assign(length, chunk ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) });
      const options = {
        host: '127.0.0.1',
        port: host.host.port,
        agent,
        method,
        path: where.replace(/[^\x21-\x7e]/g, ''),
      };
      const sent = request({ ...options, headers: { host: 'localhost', ...headers, ...length } }, (res) => {
        const parts: Buffer[] = [];
        res.on('data', (part: Buffer) => parts.push(part));
        res.on('close', () => resolve({ status: res.statusCode, text: Buffer.concat(parts).toString() }));
        res.on('error', () => undefined);
      });
      sent.setTimeout(ANSWER_MS, () => sent.destroy(new Error('no answer')));
      sent.on('error', (error) => resolve({ text: error.message }));
      if (!body) sent.end();
      else if (!chunk) sent.end(body);
      else {
        for (let at = 0; at < body.length; at += chunk) sent.write(body.subarray(at, at + chunk));
        sent.end();
      }
    });
  }

  /** Sends all of them, a few at a time; returns what no answer should be. */
  async function sendAll(requests: HostileRequest[]): Promise<string[]> {
    const complaints: string[] = [];
    const waiting = [...requests];
    const sender = async () => {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        let outcome = await send(next);
        // An idle connection that closes just now says nothing about the request.
        if (outcome.status === undefined) outcome = await send(next);
        const { status, text } = outcome;
        const coded = /"code":\s*"[A-Z][A-Z_]+"/.test(text) || next.method === 'HEAD';
        if (status === undefined || (status >= 500 && !coded)) {
          complaints.push(`${status ?? 'no answer'} ${shown(text)} to ${inWords(next)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, sender));
    return complaints;
  }

  const sampleRequests = (count: number, seed: number) =>
    fc.sample(hostileRequest(['', 'main', 'fuzz', 'nope', 'Fuzz', '..'], tokens), { numRuns: count, seed });

  /** What is there besides logs. */
  const files = async () => (await host.files()).filter((file) => !/^logs(\/|$)|^cache(\/|$)/.test(file));

  it(
    'requests are answered, block nobody, and leave nothing behind',
    async () => {
      expect(await sendAll(sampleRequests(500, SEED + 1))).toEqual([]);
      const [filesBefore, before] = [await files(), await figures()];
      const complaints = await sendAll(sampleRequests(REQUESTS, SEED));
      const { blockedMs } = await figures();
      expect(complaints.slice(0, 20)).toEqual([]);
      expect(blockedMs).toBeLessThan(MAX_BLOCKED_MS);
      agent.destroy();
      await expectAsBefore(before);
      expect(await files()).toEqual(filesBefore);
    },
    TEST_MS,
  );

  /** Heap and handles are as before, once connections and timers have ended. */
  async function expectAsBefore(before: ProbeFigures): Promise<void> {
    let now = before;
    const sockets = ({ resources }: ProbeFigures) => (resources.TCPSocketWrap ?? 0) + (resources.TCPServerWrap ?? 0);
    await host
      .until('connections have ended', async () => sockets((now = await figures())) <= sockets(before) + 4, 60_000)
      .catch(() => undefined);
    expect(sockets(now)).toBeLessThanOrEqual(sockets(before) + 4);
    expect(now.descriptors).toBeLessThanOrEqual(before.descriptors + MAX_NEW_DESCRIPTORS);
    expect(now.heapUsed - before.heapUsed).toBeLessThan(MAX_GROWTH_BYTES);
  }

  /** Sends frames until the server closes the connection; returns how many were sent, and the code of the close. */
  function converse(app: string, frames: HostileFrame[]): Promise<{ sent: number; code?: number }> {
    return new Promise((resolve) => {
      const query = app === 'main' ? '' : `?__appName=${app}`;
      const socket = new WebSocket(`ws://127.0.0.1:${host.host.port}/ws${query}`);
      let sent = 0;
      socket.on('error', () => undefined);
      socket.on('close', (code) => resolve({ sent, code }));
      socket.on('open', () => {
        for (const frame of frames) {
          if (socket.readyState !== WebSocket.OPEN) break;
          sent += sendFrame(socket, frame);
        }
        // What the server has to say against them comes first.
        setTimeout(() => socket.close(1000), 300);
        setTimeout(() => socket.terminate(), 20_000).unref();
      });
    });
  }

  function sendFrame(socket: WebSocket, frame: HostileFrame): number {
    const ignore = () => undefined;
    if (frame.kind === 'fragments') {
      frame.pieces.forEach((piece, index) =>
        socket.send(piece, { fin: index === frame.pieces.length - 1, binary: false }, ignore),
      );
      return frame.pieces.length;
    }
    if (frame.kind === 'ping' || frame.kind === 'pong') socket[frame.kind](frame.data, true, ignore);
    else if (frame.kind === 'raw') (socket as unknown as { _socket: NodeJS.WritableStream })._socket.write(frame.data);
    else socket.send(frame.data, { binary: frame.kind === 'binary' }, ignore);
    return 1;
  }

  it(
    'WebSocket frames end in their own connection at most',
    async () => {
      const before = await figures();
      const apps = ['main', 'fuzz', 'other'];
      const conversations = fc.sample(fc.array(hostileFrame, { minLength: 1, maxLength: 30, size: 'max' }), {
        numRuns: 1_500,
        seed: SEED,
      });
      const codes = new Map<number | undefined, number>();
      let sent = 0;
      let turn = 0;
      const speaker = async () => {
        for (let frames = conversations.pop(); frames; frames = conversations.pop()) {
          const outcome = await converse(apps[(turn += 1) % apps.length] ?? 'main', frames);
          sent += outcome.sent;
          codes.set(outcome.code, (codes.get(outcome.code) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, speaker));
      const { blockedMs } = await figures();
      expect(sent).toBeGreaterThanOrEqual(FRAMES);
      // Closed by the client, for a violation of the protocol, of the policy, of the encoding or of the size.
      const allowed = [1000, 1002, 1003, 1005, 1006, 1007, 1008, 1009];
      expect([...codes.keys()].filter((code) => code === undefined || !allowed.includes(code))).toEqual([]);
      expect(codes.get(1008)).toBeGreaterThan(0);
      expect(blockedMs).toBeLessThan(MAX_BLOCKED_MS);
      await expectAsBefore(before);
      for (const app of apps) expect((await host.get('/api/app:getInfo', { 'X-App': app })).status).toBe(200);
    },
    TEST_MS,
  );

  it(
    'options of the core, of Sequelize and of its drivers are taken or refused with a code, and write nothing else',
    async () => {
      const [filesBefore, before, databases] = [await files(), await figures(), await host.databases()];
      const objects = fc.sample(optionObjects(readOptionTypes()), { numRuns: OPTION_OBJECTS, seed: SEED });
      const complaints: string[] = [];
      const statuses = new Set<number>();
      let turn = 0;
      const sender = async () => {
        for (let options = objects.pop(); options; options = objects.pop()) {
          // Every tenth is for a new application; of those all that would be accepted is left out.
          const isNew = (turn += 1) % 10 === 0;
          const answer = isNew
            ? await host.act('create', {}, { name: `new${turn}`, options: { ...options, timezone: 'x' } })
            : await host.act('update', { filterByTk: 'other' }, { options });
          statuses.add(answer.status);
          const coded = /^APP_/.test(answer.body?.errors?.[0]?.code ?? '');
          const isExpected = answer.status === 200 ? !isNew : answer.status < 500 && coded;
          if (!isExpected)
            complaints.push(`${answer.status} ${shown(answer.text)} to ${shown(JSON.stringify(options))}`);
        }
      };
      await Promise.all(Array.from({ length: 4 }, sender));
      expect(complaints.slice(0, 20)).toEqual([]);
      expect([...statuses]).toEqual(expect.arrayContaining([200, 400]));
      await expectAsBefore(before);
      expect([await files(), await host.databases()]).toEqual([filesBefore, databases]);
      // Those that were accepted harm no other application, nor the answers of this one.
      await host.act('stop', { filterByTk: 'other', wait: 'true' });
      const started = await host.act('start', { filterByTk: 'other', wait: 'true' });
      expect(started.status === 200 || /^APP_/.test(started.body.errors[0].code as string)).toBe(true);
      for (const app of ['main', 'fuzz'])
        expect((await host.get('/api/app:getInfo', { 'X-App': app })).status).toBe(200);
    },
    TEST_MS,
  );
});

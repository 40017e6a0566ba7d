import { readConfig } from '../../server/config';
import { WebSocketLimits } from '../../server/limits/websocket-limits';

const message = (text: string) => Buffer.from(text);
const SMALL = message('{"type":"x"}');

function world(env: Record<string, string> = {}, limits = { websocketConnections: 3, websocketMessages: 10 }) {
  let now = 0;
  const { webSocket } = readConfig(env, () => undefined).sizes;
  const sockets = new WebSocketLimits(
    webSocket,
    () => limits,
    () => now,
  );
  return { sockets, later: (ms: number) => (now += ms) };
}

/** How many of many messages pass. */
function passed(
  sockets: WebSocketLimits,
  flow: ReturnType<WebSocketLimits['open']>,
  text = SMALL,
  count = 1_000,
): number {
  let accepted = 0;
  for (let index = 0; index < count; index += 1) if (sockets.accepts(flow!, text)) accepted += 1;
  return accepted;
}

describe('WebSocket connections', () => {
  it('are bounded for each application, and can be opened again after others have closed', () => {
    const { sockets } = world();
    const flows = [1, 2, 3].map(() => sockets.open('crm'));
    expect(flows).not.toContain(undefined);
    expect([sockets.open('crm'), sockets.open('erp') === undefined]).toEqual([undefined, false]);
    sockets.close(flows[0]!);
    expect(sockets.connectionsOf('crm')).toBe(2);
    expect(sockets.open('crm')).toBeDefined();
  });

  /** The waits of so many connections that come at once, and close again. */
  function waits(sockets: WebSocketLimits, count: number, app = 'crm'): (number | undefined)[] {
    const flows = Array.from({ length: count }, () => sockets.open(app));
    for (const flow of flows) if (flow) sockets.close(flow);
    return flows.map((flow) => flow?.wait);
  }
  const MANY = { websocketConnections: 1_000, websocketMessages: 10 };
  const AFTER_RETURN_MS = 60_000;

  it('open at a third of that rate while they are closed for what they send', () => {
    const { sockets, later } = world({}, MANY);
    later(AFTER_RETURN_MS);
    let now = 0;
    let opened = 0;
    const other = sockets.open('erp');
    while (now < 20_000) {
      const flow = sockets.open('crm');
      if (!flow) {
        later(100);
        now += 100;
        continue;
      }
      opened += 1;
      sockets.noteRefusal(flow);
      sockets.close(flow);
    }
    // The burst, 20 a second, and those that may wait.
    expect(opened).toBeGreaterThan(150);
    expect(opened).toBeLessThanOrEqual((20 + 20 * 20 + 200) / 3 + 3);
    expect([other?.wait, sockets.open('erp')?.wait]).toEqual([0, 0]);
  });

  it('are bounded in the rate at which they open, whether or not they close again', () => {
    const { sockets, later } = world({}, MANY);
    later(AFTER_RETURN_MS);
    const found = waits(sockets, 500);
    expect(found.slice(0, 22)).toEqual([...Array<number>(20).fill(0), 50, 100]);
    expect(found.filter((wait) => wait !== undefined)).toHaveLength(220);
    expect(found[219]).toBe(10_000);
    later(1_000);
    expect(waits(sockets, 500).filter((wait) => wait !== undefined)).toEqual(
      Array.from({ length: 20 }, (_, index) => 9_050 + index * 50),
    );
    expect(waits(sockets, 1, 'erp')).toEqual([0]);
  });

  it('come back soon after the start of the process', () => {
    const { sockets } = world({}, MANY);
    const [crm, erp] = [waits(sockets, 500), waits(sockets, 100, 'erp')];
    expect(crm.filter((wait) => wait === 0)).toHaveLength(40);
    expect(Math.max(...crm.map((wait) => wait ?? Infinity))).toBe(4_600);
    expect(erp.filter((wait) => wait === 0)).toHaveLength(20);
    expect(Math.max(...erp.map((wait) => wait ?? Infinity))).toBe(5_400);
  });

  it('of the main application open faster', () => {
    const { sockets, later } = world({}, MANY);
    later(AFTER_RETURN_MS);
    const found = waits(sockets, 500, 'main');
    expect(found.filter((wait) => wait === 0)).toHaveLength(100);
    expect(found.at(-1)).toBe(4_000);
  });

  it('count among those of their application while they wait', () => {
    const { sockets, later } = world({}, { websocketConnections: 30, websocketMessages: 10 });
    later(AFTER_RETURN_MS);
    const flows = Array.from({ length: 40 }, () => sockets.open('crm'));
    expect(flows.filter(Boolean)).toHaveLength(30);
    expect(sockets.connectionsOf('crm')).toBe(30);
  });

  it('are not bounded by 0', () => {
    const { sockets } = world({}, { websocketConnections: 0, websocketMessages: 0 });
    const flows = Array.from({ length: 5_000 }, () => sockets.open('crm'));
    expect(flows).not.toContain(undefined);
    expect(passed(sockets, flows[0])).toBe(1_000);
  });
});

describe('WebSocket messages', () => {
  it('pass at their rate, after a burst, on each connection', () => {
    const { sockets, later } = world();
    const [one, other] = [sockets.open('crm'), sockets.open('crm')];
    expect([passed(sockets, one), passed(sockets, other)]).toEqual([20, 20]);
    later(1_000);
    expect(passed(sockets, one)).toBe(10);
  });

  it('count as five if they introduce the client', () => {
    const { sockets } = world();
    const flow = sockets.open('crm')!;
    let introduced = 0;
    while (sockets.accepts(flow, SMALL) && sockets.acceptsIntroduction(flow)) introduced += 1;
    expect(introduced).toBe(4);
  });

  it('include control frames', () => {
    const { sockets } = world();
    const flow = sockets.open('crm')!;
    for (let index = 0; index < 20; index += 1) expect(sockets.acceptsControlFrame(flow, 125)).toBe(true);
    expect([sockets.acceptsControlFrame(flow, 0), sockets.accepts(flow, SMALL)]).toEqual([false, false]);
  });

  it('are bounded for all connections of an application together, and for no other application', () => {
    const { sockets, later } = world(
      { APP_SUPERVISOR_WEBSOCKET_APP_MESSAGES: '1' },
      { websocketConnections: 0, websocketMessages: 8 },
    );
    const accepted = Array.from({ length: 10 }, () => passed(sockets, sockets.open('crm')));
    expect(accepted.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(passed(sockets, sockets.open('erp'))).toBe(10);
    later(3_000);
    expect(passed(sockets, sockets.open('crm'))).toBe(3);
  });

  it('are remembered for an application whose connections have all closed', () => {
    const { sockets, later } = world(
      { APP_SUPERVISOR_WEBSOCKET_APP_MESSAGES: '1' },
      { websocketConnections: 0, websocketMessages: 0 },
    );
    const flow = sockets.open('crm')!;
    expect(passed(sockets, flow)).toBe(10);
    sockets.close(flow);
    sockets.open('erp');
    expect(passed(sockets, sockets.open('crm'))).toBe(0);
    sockets.close(flow);
    later(120_000);
    sockets.open('shop');
    expect(passed(sockets, sockets.open('crm'))).toBe(10);
  });

  it.each([
    ['one of the largest size', 1_024 * 1_024 - 11, true],
    ['one that is larger', 1_024 * 1_024 + 1, false],
  ])('%s: %d bytes', (_, bytes, passes) => {
    const { sockets } = world();
    const text = message(`{"type":"${'x'.repeat(bytes - 11)}"}`);
    expect(sockets.accepts(sockets.open('crm')!, text)).toBe(passes);
  });

  it('are bounded in bytes, on each connection and for each application', () => {
    const { sockets, later } = world({}, { websocketConnections: 0, websocketMessages: 0 });
    const megabyte = Buffer.alloc(2 ** 20, 'x');
    const flow = sockets.open('crm');
    expect(passed(sockets, flow, megabyte, 100)).toBe(2);
    later(1_000);
    expect([passed(sockets, flow, megabyte, 100), passed(sockets, flow, megabyte.subarray(0, 2 ** 19), 100)]).toEqual([
      0, 1,
    ]);
    const all = Array.from({ length: 20 }, () => passed(sockets, sockets.open('erp'), megabyte, 10));
    expect(all.reduce((sum, count) => sum + count, 0)).toBe(16);
  });

  it.each([
    ['many empty objects', `{"type":"x","payload":[${'{},'.repeat(3_000)}{}]}`],
    ['many numbers', `[${'1,'.repeat(5_001)}1]`],
    ['deep nesting', '['.repeat(51)],
    ['deep objects', '{"a":'.repeat(51)],
  ])('do not pass with %s', (_, text) => {
    const { sockets } = world();
    expect(sockets.accepts(sockets.open('crm')!, message(text))).toBe(false);
  });

  it('pass with what is no JSON: that is for NocoBase to ignore', () => {
    const { sockets } = world();
    const flow = sockets.open('crm')!;
    for (const text of ['ping', '', 'null', '{', '\0', '"x"']) expect(sockets.accepts(flow, message(text))).toBe(true);
  });
});

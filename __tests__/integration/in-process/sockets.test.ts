import '../../helpers/in-process-environment';
import WebSocket from 'ws';
import { socketServer } from '../../../server/core';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';

describeWithPostgres('the WebSocket of an application', () => {
  let app: InProcessApp;
  let crm: string;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: ['error-handler'] } });
    await app.listen();
  });

  afterAll(() => app?.end());

  it('delivers all messages that arrive together with the close of the connection', async () => {
    const instance = instanceOf(app, crm);
    const heard: number[] = [];
    instance.on('ws:message:note', ({ payload }: { payload: number }) => heard.push(payload));
    const address = `${app.url.replace('http', 'ws')}/ws?__appName=${crm}`;
    const sockets = Array.from({ length: 8 }, () => new WebSocket(address));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('open', resolve))));
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const numbers = [1, 2, 3, 4, 5];
    for (const socket of sockets) {
      // One packet holds the messages and the close. The messages of several connections take turns.
      const { _socket: line } = socket as unknown as { _socket: { cork(): void; uncork(): void } };
      line.cork();
      for (const payload of numbers) socket.send(JSON.stringify({ type: 'note', payload }));
      socket.close();
      line.uncork();
    }
    await Promise.all(closed);
    const perNumber = () => numbers.map((number) => heard.filter((one) => one === number).length);
    const all = numbers.length * sockets.length;
    // The last ones take their turns after the connections have closed.
    await app.until('all messages arrived', () => Promise.resolve(heard.length >= all));
    expect(perNumber()).toEqual(numbers.map(() => sockets.length));
  });

  it.each([() => crm, () => 'main'])('reads nothing after an invalid frame (%#)', async (name) => {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws?__appName=${name()}`);
    await new Promise((resolve) => socket.once('open', resolve));
    // Three packets that are not read together cannot be forced: they are handed to the reader itself.
    const [client] = [...(socketServer()?.webSocketClients.values() ?? [])].slice(-1);
    const { _receiver: receiver } = client?.ws as unknown as { _receiver: NodeJS.WritableStream };
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const frame = (opcode: number, payload: Buffer) =>
      Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 1]), payload]);
    for (const chunk of [frame(1, Buffer.from('{}')), frame(8, Buffer.from([3, 238])), Buffer.alloc(100)]) {
      receiver.write(chunk);
    }
    expect(await closed).toBe(1_002);
    expect((await app.get('/api/__health_check')).status).toBe(200);
  });
});

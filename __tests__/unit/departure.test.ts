import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { whenOver } from '../../server/routing/departure';

/** A real server: what Node tells of answers that wait behind another one is what this is about. */
async function visited(act: (open: ServerResponse[], hangUp: () => void) => void): Promise<number> {
  const open: ServerResponse[] = [];
  let over = 0;
  const server = createServer((req, res) => {
    open.push(res);
    whenOver(req, res, () => (over += 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const line = connect((server.address() as AddressInfo).port, '127.0.0.1');
  line.on('error', () => undefined).resume();
  line.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n');
  while (open.length < 3) await new Promise((resolve) => setImmediate(resolve));
  act(open, () => line.destroy());
  await new Promise((resolve) => setTimeout(resolve, 50));
  const result = over;
  line.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return result;
}

describe('whenOver', () => {
  it('is told of every answer on a line that breaks, also of those that wait behind another', async () => {
    expect(await visited((_open, hangUp) => hangUp())).toBe(3);
  });

  it('is told of each answer that ends, once', async () => {
    expect(await visited(([first]) => first?.end('1'))).toBe(1);
    expect(await visited((open) => open.forEach((res) => res.end('x')))).toBe(3);
  });
});

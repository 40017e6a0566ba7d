import { PassThrough } from 'node:stream';
import type { AppService } from '../../server/app-service';
import { Router } from '../../server/routing/router';
import { SocketDoor } from '../../server/routing/socket-door';
import { open } from './helpers/front-door-world';
import { FakeRequest } from './helpers/http';

describe('WebSocket upgrades', () => {
  it.each([
    '/ws/../x',
    '/ws/%2e%2e/x',
    '/ws\\..\\x',
    '/..%2fws',
    '/ws/%ff',
    '/%',
    'http://[x/ws',
    'http://ex%ample/ws',
  ])('are refused with 400 for the path %s, also while the main application starts', async (url) => {
    for (const phase of ['active', 'starting'] as const) {
      const service = open(phase).service as unknown as AppService;
      const socket = new PassThrough();
      const door = new SocketDoor(service, new Router(service), () => true);
      const handled = await door.handle(new FakeRequest({ url }).asMessage, socket, Buffer.alloc(0));
      expect([handled, String(socket.read())]).toEqual([
        true,
        expect.stringMatching(/^HTTP\/1\.1 400 Bad Request\r\n/),
      ]);
    }
  });

  it('to another path than the WebSocket of NocoBase are left to the handlers of other plugins, or answered with 404', async () => {
    const service = open('active').service as unknown as AppService;
    for (const isLast of [true, false]) {
      for (const url of ['/', '/socket.io/?x=1', '/ws/more', '/api/users:list']) {
        const socket = new PassThrough();
        const door = new SocketDoor(service, new Router(service), () => isLast);
        const handled = await door.handle(new FakeRequest({ url }).asMessage, socket, Buffer.alloc(0));
        expect([handled, socket.destroyed]).toEqual([isLast, false]);
        expect(String(socket.read() ?? '')).toMatch(isLast ? /^HTTP\/1\.1 404 [^]*"APP_SOCKET_NOT_FOUND"/ : /^$/);
      }
    }
  });
});

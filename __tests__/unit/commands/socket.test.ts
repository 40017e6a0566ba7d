import { homedir } from 'node:os';
import path from 'node:path';
import { commandSocket } from '../../../server/command-socket';

it.each([
  [{}, path.resolve('storage/app-supervisor.sock')],
  [{ STORAGE_PATH: '/data' }, '/data/app-supervisor.sock'],
  [{ STORAGE_PATH: '/data', SOCKET_PATH: '/run/noco/gateway.sock' }, '/run/noco/app-supervisor.sock'],
  [{ SOCKET_PATH: 'storage/gateway.sock' }, path.resolve('storage/app-supervisor.sock')],
  [{ SOCKET_PATH: '/tmp/shop.sock' }, '/tmp/shop.app-supervisor.sock'],
  [{ NOCOBASE_RUNNING_IN_DOCKER: 'true' }, path.join(homedir(), '.nocobase/app-supervisor.sock')],
])('with %j commands are taken at %s', (env, socket) => {
  expect(commandSocket(env)).toBe(socket);
});

import { homedir } from 'node:os';
import path from 'node:path';

/** The longest path of a Unix socket that Linux takes, in bytes. */
export const SOCKET_PATH_BYTES = 107;

/** By this header a command says for whom it speaks: his name in the operating system, encoded as in an address. */
export const OPERATOR_HEADER = 'x-operator';

/** Where NocoBase listens for commands of its own, by the same rules as NocoBase. */
function gatewaySocket(env: NodeJS.ProcessEnv): string {
  if (env.SOCKET_PATH) return path.resolve(env.SOCKET_PATH);
  if (env.NOCOBASE_RUNNING_IN_DOCKER === 'true') return path.resolve(homedir(), '.nocobase', 'gateway.sock');
  return path.resolve(env.STORAGE_PATH || 'storage', 'gateway.sock');
}

/**
 * Where the plugin listens for `nocobase app`: beside NocoBase's own socket. One of another name than NocoBase's usual
 * lies perhaps among others, in a folder for all, and ours carries its name too.
 */
export function commandSocket(env: NodeJS.ProcessEnv): string {
  const { dir, name } = path.parse(gatewaySocket(env));
  return path.join(dir, name === 'gateway' ? 'app-supervisor.sock' : `${name}.app-supervisor.sock`);
}

import { statSync } from 'node:fs';
import path from 'node:path';
import { CommandFailure, EXIT } from './failure';

/** Returns the owner's user ID; undefined if there is no such file, or if it is in a folder that is closed to the caller. */
function ownerOf(file: string): number | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })?.uid;
  } catch {
    return undefined;
  }
}

/** Returns the folder of NocoBase's data, by the same rule as NocoBase. */
const storageFolder = (env: NodeJS.ProcessEnv) => path.resolve(env.STORAGE_PATH || 'storage');

/**
 * Checks that the socket belongs to the caller, or to the owner of NocoBase's storage folder: in a folder that several
 * users may write in, another user may listen under the same name. Call it before anything is sent.
 * @param caller the caller's user ID; undefined on systems without such
 * @throws CommandFailure SOCKET_OWNER
 */
export function assertSocketOwner(
  socket: string,
  env: NodeJS.ProcessEnv = process.env,
  caller = process.geteuid?.(),
): void {
  const owner = ownerOf(socket);
  if (owner === undefined || caller === undefined || owner === caller) return;
  const storage = storageFolder(env);
  if (ownerOf(storage) === owner) return;
  const sentence =
    'The socket {socket} belongs to the user with the ID {owner}: neither to you nor to the owner of {storage}. Nothing was sent. Run the command as the user that runs NocoBase, or set STORAGE_PATH to the storage folder of NocoBase.';
  throw new CommandFailure(EXIT.refused, 'SOCKET_OWNER', sentence, { socket, owner, storage });
}

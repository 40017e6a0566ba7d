import { lstatSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { CommandFailure, EXIT } from './failure';

/** May be written in by all users. */
const WRITABLE_BY_ALL = 0o002;
/** In a folder with this bit, users may replace their own files only. */
const STICKY = 0o1000;

type Look = (file: string, options: { throwIfNoEntry: false }) => Stats | undefined;

/** Undefined if there is no such file, or if it is in a folder that is closed to the caller. */
function look(by: Look, file: string): Stats | undefined {
  try {
    return by(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Returns the folder of NocoBase's data, by the same rule as NocoBase. */
const storageFolder = (env: NodeJS.ProcessEnv) => path.resolve(env.STORAGE_PATH || 'storage');

/**
 * Checks that the socket belongs to the caller, or to the owner of NocoBase's storage folder: in a folder that several
 * users may write in, another user may listen under the same name. A link to the socket must belong to one of the two
 * as well. A folder in which every user can replace the socket is refused. Call it before anything is sent.
 * @param caller the caller's user ID; undefined on systems without such
 * @throws CommandFailure SOCKET_OWNER
 */
export function assertSocketOwner(
  socket: string,
  env: NodeJS.ProcessEnv = process.env,
  caller = process.geteuid?.(),
): void {
  const [entry, target] = [look(lstatSync, socket), look(statSync, socket)];
  if (!entry || !target || caller === undefined) return;
  const storage = storageFolder(env);
  const trusted = [caller, look(statSync, storage)?.uid];
  const owner = [entry.uid, target.uid].find((uid) => !trusted.includes(uid));
  if (owner !== undefined) {
    const sentence =
      'The socket {socket} belongs to the user with the ID {owner}: neither to you nor to the owner of {storage}. Nothing was sent. Run the command as the user that runs NocoBase, or set STORAGE_PATH to the storage folder of NocoBase.';
    throw new CommandFailure(EXIT.refused, 'SOCKET_OWNER', sentence, { socket, owner, storage });
  }
  const folder = path.dirname(socket);
  const mode = look(statSync, folder)?.mode ?? 0;
  if ((mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0) {
    const sentence =
      'Every user may replace the socket {socket}: its folder is open to all. Nothing was sent. Set the sticky bit of the folder (chmod +t), or take the right to write from others (chmod o-w).';
    throw new CommandFailure(EXIT.refused, 'SOCKET_OWNER', sentence, { socket });
  }
}

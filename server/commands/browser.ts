import { spawn } from 'node:child_process';
import { CommandFailure, EXIT } from './failure';
import { answer, type ApplicationView, type Verb } from './session';

/** What opens an address in the browser of the desktop. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};
const USUAL = ['xdg-open'];

function opened(url: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const [program = '', ...args] = OPENERS[process.platform] ?? USUAL;
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url], { env, stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

/** Opens an application in the browser, and prints its address for a machine without one. */
export const open: Verb = async (session) => {
  const query = { filterByTk: session.arguments.words[0] };
  const { address } = (await session.line.call('applications:get', { query })).data as ApplicationView;
  // It is given to a program of the desktop.
  if (!/^https?:\/\//.test(address.url)) {
    throw new CommandFailure(EXIT.failed, 'ADDRESS_RELATIVE', 'The address {url} names no host.', { url: address.url });
  }
  const isOpened = await opened(address.url, session.env);
  answer(session, { ...address, opened: isOpened }, () => [address.url]);
  if (!isOpened) session.terminal.note(session.say('There is no browser here: open the address elsewhere.'));
  return EXIT.done;
};

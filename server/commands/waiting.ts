import { CommandFailure, EXIT } from './failure';
import type { Session } from './session';

const LOOK_MS = 1_000;
const FIRST_LOOK_MS = 150;
const TIMEOUT_S = 3_600;
const MOST_NAMED = 100;

/**
 * Waits for work that the server carries out, and tells meanwhile how far it is. Ctrl-C and the end of the time end the
 * waiting only.
 * @param look a line about how far it is; a failure of it is nothing to speak of
 * @throws CommandFailure
 */
export async function waitFor<T>(
  session: Session,
  goesOn: string,
  work: Promise<T>,
  look: () => Promise<string | undefined>,
): Promise<T> {
  const seconds = Number(session.arguments.options.timeout ?? TIMEOUT_S);
  session.interruption = goesOn;
  let over = false;
  let wake = () => undefined as void;
  const watch = async () => {
    for (let pause = FIRST_LOOK_MS; !over; pause = LOOK_MS) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      const text = over ? undefined : await look().catch(() => undefined);
      if (text && !over) session.terminal.progress(text);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const giveUp = () => {
      // What becomes of the work may have changed meanwhile.
      const sentence = `${session.say('Not done in time.')} ${session.interruption ?? goesOn}`;
      reject(new CommandFailure(EXIT.failed, 'WAIT_TIMEOUT', sentence));
    };
    timer = setTimeout(giveUp, seconds * 1_000);
  });
  const watching = watch();
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    over = true;
    wake();
    void watching;
    session.terminal.clear();
    session.interruption = undefined;
  }
}

/** `crm: booting (load)`, or `5 applications: 3 running, 2 booting` */
export async function fleetProgress({ line, say }: Session, names: readonly string[]): Promise<string | undefined> {
  if (names.length === 1) {
    const { data } = await line.call('applications:get', { query: { filterByTk: names[0] } });
    const step = data.journey?.outcome === 'pending' ? data.journey.steps.at(-1)?.step : undefined;
    return `${data.name}: ${data.state}${step ? ` (${step})` : ''}`;
  }
  // More do not fit into an address; then all that there are stand for them.
  const filter = names.length <= MOST_NAMED ? JSON.stringify({ name: { $in: names } }) : undefined;
  const { meta } = await line.call('applications:list', { query: { filter, pageSize: '1' } });
  const counts = Object.entries((meta?.states ?? {}) as Record<string, number>).filter(([, count]) => count > 0);
  const states = counts.map(([state, count]) => `${count} ${state}`).join(', ');
  return say('{total} applications: {states}', { total: Number(meta?.count ?? 0), states });
}

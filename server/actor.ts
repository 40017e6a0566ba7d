import { SYSTEM, type Actor } from '../src/events';

/** The signed-in user of a request or of a repository's context; nobody is the system itself. */
export function actorOf(user: unknown): Actor {
  const { id, nickname, username, email } = (user ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' && typeof id !== 'number') return SYSTEM;
  const name = [nickname, username, email].find((text) => typeof text === 'string' && text !== '') as
    string | undefined;
  return { kind: 'user', id, ...(name ? { name } : {}) };
}

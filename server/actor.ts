import { SYSTEM, type Actor } from '../src/events';

/** Whoever runs commands on the machine itself; stands where otherwise the signed-in user stands. */
export class Operator {
  /** @param name his name in the operating system, as the command says it */
  constructor(readonly name: string) {}
}

/** The signed-in user of a request or of a repository's context, or the operator; nobody is the system itself. */
export function actorOf(user: unknown): Actor {
  if (user instanceof Operator) return { kind: 'operator', name: user.name };
  const { id, nickname, username, email } = (user ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' && typeof id !== 'number') return SYSTEM;
  const name = [nickname, username, email].find((text) => typeof text === 'string' && text !== '') as
    string | undefined;
  return { kind: 'user', id, ...(name ? { name } : {}) };
}

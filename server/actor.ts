import { SYSTEM, type Actor } from '../src/events';

/** Whoever runs commands on the machine itself; stands where otherwise the signed-in user stands. */
export class Operator {
  /** @param name his name in the operating system, as the command says it */
  constructor(readonly name: string) {}
}

/** How somebody who is signed in came to make a call. */
export type Origin = Pick<Extract<Actor, { kind: 'user' }>, 'role' | 'apiKey' | 'address'>;

const ORIGIN = Symbol('how the caller came to make this call');

/** The state of a request, or of the context of a write through a repository. */
export interface CallerState {
  currentUser?: unknown;
  [ORIGIN]?: Origin;
}

/** Found out before: what is written on behalf of this call is told with it. */
export function rememberOrigin(state: CallerState, origin: Origin): void {
  state[ORIGIN] = origin;
}

/** The signed-in user, or the operator; nobody is the system itself. */
export function actorOf(state: CallerState | undefined): Actor {
  const user = state?.currentUser;
  if (user instanceof Operator) return { kind: 'operator', name: user.name };
  const { id, nickname, username, email } = (user ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' && typeof id !== 'number') return SYSTEM;
  const name = [nickname, username, email].find((text) => typeof text === 'string' && text !== '') as
    string | undefined;
  return { kind: 'user', id, ...(name ? { name } : {}), ...state?.[ORIGIN] };
}

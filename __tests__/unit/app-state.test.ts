import {
  APP_STATES,
  APP_TRANSITIONS,
  hasFailed,
  isLegalTransition,
  isUseful,
  MOVING_STATES,
  type AppState,
} from '../../src/app-state';

const states = Object.keys(APP_STATES) as AppState[];

/** `AppStatus` of `@nocobase/server`: what gateway, WebSocket server and clients know. */
const CORE_STATUSES = [
  'preparing',
  'initializing',
  'initialized',
  'running',
  'commanding',
  'stopped',
  'error',
  'not_found',
];

describe.each(states)('the state %s', (state) => {
  it("has one of the core's statuses, a label and a colour", () => {
    expect(CORE_STATUSES).toContain(APP_STATES[state].status);
    expect(APP_STATES[state].label).toMatch(/^[A-Z][a-z]+$/);
    expect(APP_STATES[state].color).not.toBe('');
  });

  it('can be left, into known states, and can be reached', () => {
    expect(APP_TRANSITIONS[state].length).toBeGreaterThan(0);
    for (const next of APP_TRANSITIONS[state]) expect(states).toContain(next);
    expect(states.some((from) => from !== state && APP_TRANSITIONS[from].includes(state))).toBe(true);
  });

  it('may stay what it is, and does not list itself', () => {
    expect(isLegalTransition(state, state)).toBe(true);
    expect(APP_TRANSITIONS[state]).not.toContain(state);
  });
});

describe('transitions', () => {
  it('lead out of every state to running, and to stopped', () => {
    const reach = (from: AppState) => {
      const seen = new Set<AppState>([from]);
      for (const at of seen) for (const next of APP_TRANSITIONS[at]) seen.add(next);
      return seen;
    };
    for (const state of states) {
      expect(reach(state)).toContain('running');
      expect(reach(state)).toContain('stopped');
    }
  });

  it.each<[AppState, AppState]>([
    ['asleep', 'running'],
    ['stopped', 'running'],
    ['failed', 'running'],
    ['draining', 'running'],
    ['running', 'creating'],
    ['asleep', 'failed'],
  ])('do not lead from %s to %s', (from, to) => {
    expect(isLegalTransition(from, to)).toBe(false);
  });

  it('lead from running only where its instance goes, or has gone', () => {
    expect([...APP_TRANSITIONS.running].sort()).toEqual(['asleep', 'booting', 'draining', 'stopped']);
  });
});

describe('statuses', () => {
  it('call only a running application running', () => {
    expect(states.filter((state) => APP_STATES[state].status === 'running')).toEqual(['running']);
  });

  it('call an application that sleeps stopped', () => {
    expect(APP_STATES.asleep.status).toBe('stopped');
    expect(APP_STATES.stopped.status).toBe('stopped');
  });
});

describe('what is known of a state', () => {
  it('that moves: it is told from a rest and from a failure', () => {
    const resting = states.filter((state) => !MOVING_STATES.has(state));
    expect(resting).toEqual(['asleep', 'running', 'stopped', 'failed', 'quarantined']);
    expect(resting.filter(hasFailed)).toEqual(['failed', 'quarantined']);
  });

  it('that accepts a command: the command leads on from there', () => {
    for (const state of states.filter((from) => isUseful('start', from))) {
      expect(APP_TRANSITIONS[state]).toContain('booting');
    }
    expect(states.filter((state) => isUseful('stop', state))).not.toContain('stopped');
    expect(states.filter((state) => isUseful('restart', state))).toEqual(['running']);
  });
});

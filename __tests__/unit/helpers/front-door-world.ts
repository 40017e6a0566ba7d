import type { AppService, ServicePhase } from '../../../server/app-service';
import { readConfig } from '../../../server/config';
import { AppLimits } from '../../../server/limits/app-limits';
import { CommandHold } from '../../../server/lifecycle/command-hold';
import { WaitingRoom } from '../../../server/lifecycle/waiting-room';
import { FrontDoor } from '../../../server/routing/front-door';
import { Router } from '../../../server/routing/router';
import type { AppRecord } from '../../../src/app-record';
import type { AppCondition } from '../../../src/app-state';
import type { AppEvent } from '../../../src/events';
import type { OwnLimits } from '../../../src/policies/limits';
import { AppError } from '../../../src/errors';
import { FakeRequest, FakeResponse } from './http';

/** An application whose coming up the test decides. */
export class FakeRunner {
  condition: AppCondition = { state: 'asleep', since: 0 };
  leases = 0;
  leased = 0;
  uses = 0;
  wakes = 0;
  readonly room: WaitingRoom;
  readonly flight = { hold: new CommandHold() };
  private settle?: { resolve: () => void; reject: (error: Error) => void };
  private coming?: Promise<void>;

  constructor(
    readonly name: string,
    limits: () => { maxWaiting: number; waitTimeoutMs: number },
  ) {
    this.room = new WaitingRoom(name, limits, () => undefined);
  }

  get state() {
    return this.condition.state;
  }

  describe() {
    return { ...this.condition };
  }

  lease(counts = true) {
    if (counts) this.uses += 1;
    this.leases += 1;
    this.leased += 1;
    return () => {
      this.leases -= 1;
    };
  }

  get mayTryAgain() {
    return Date.now() >= (this.condition.retryAt ?? 0);
  }

  lastFailure() {
    return new AppError('APP_BOOT_FAILED', { name: this.name, step: 'load', reason: 'x' });
  }

  wake(): Promise<void> {
    this.wakes += 1;
    this.condition = { state: 'booting', since: 0 };
    this.coming ??= new Promise<void>((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    return this.coming;
  }

  up(): void {
    this.condition = { state: 'running', since: 0 };
    this.settle?.resolve();
  }

  fail(error: Error): void {
    this.condition = { state: 'failed', since: 0, retryAt: Date.now() + 1_000 };
    this.settle?.reject(error);
  }
}

/** Signs the tokens of the main application. */
export const MAIN_SECRET = 'the secret of main';
export const LONG = `Old-${'x'.repeat(90)}`;

export function open(phase: ServicePhase = 'active', env: Record<string, string> = {}) {
  // Without slots, which begin one request in a turn, a request passes or is held at once.
  const given = { APP_SUPERVISOR_BASE_DOMAIN: 'localhost', APP_SUPERVISOR_LIMIT_REQUEST_SLOTS: '0', ...env };
  const config = readConfig(given, () => undefined);
  const own: Record<string, OwnLimits> = {};
  const events: AppEvent[] = [];
  const runners = new Map(['crm', 'erp', LONG].map((name) => [name, new FakeRunner(name, () => config)]));
  let mainIsUp: () => void = () => undefined;
  const up = new Promise<void>((resolve) => {
    mainIsUp = resolve;
  });
  const service = {
    phase,
    ending: false,
    mainUp: phase !== 'starting',
    get active() {
      return service.phase === 'active';
    },
    get routes() {
      return service.phase === 'active' || service.phase === 'standby';
    },
    leadership: { whenLeading: jest.fn(() => Promise.resolve()) },
    config,
    supervisor: {
      logger: { error: jest.fn() },
      appStatus: {} as Record<string, string>,
      apps: { main: { authManager: { jwt: { secret: () => MAIN_SECRET } } } },
    },
    registry: {
      has: (name: string) => runners.has(name),
      byDomain: () => undefined,
      everyone: () => [...runners.keys()].map((name) => service.record(name)),
    },
    limits: new AppLimits({
      config,
      registry: {
        get: (name) => (runners.has(name) ? { name, startMode: 'lazy', options: {}, limits: own[name] } : undefined),
        all: () => [],
      },
      tell: (event) => events.push(event),
      places: { size: () => Promise.resolve(null) },
      runners: new Map(),
    }),
    runner: jest.fn((name: string) => runners.get(name)),
    record: (name: string): AppRecord => ({
      ...{ name, startMode: 'lazy', options: {}, limits: own[name] },
      provisioning: { readyAt: '2026-01-01T00:00:00Z', ownershipToken: `token of ${name}` },
    }),
    mainIsUp: () => up,
    visits: { note: jest.fn() },
  };
  const door = new FrontDoor(service as unknown as AppService, new Router(service as unknown as AppService));
  const mainStarts = () => {
    service.mainUp = true;
    mainIsUp();
  };
  return {
    service,
    door,
    mainStarts,
    mainGivesUp: mainIsUp,
    crm: runners.get('crm') as FakeRunner,
    long: runners.get(LONG) as FakeRunner,
    /** The own limits of applications, by name. */
    own,
    events,
  };
}

export type Door = ReturnType<typeof open>;

export function visit({ door }: Door, parts: ConstructorParameters<typeof FakeRequest>[0] = {}) {
  const req = new FakeRequest(parts);
  const res = new FakeResponse();
  return { req, res, outcome: door.handle(req.asMessage, res.asResponse) };
}

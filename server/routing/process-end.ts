import { Server as NetServer } from 'node:net';
import { AppError } from '../../src/errors';
import type { AppService } from '../app-service';
import { coreTermination, SERVICE_RESTART, socketServer, type CoreTermination } from '../core';
import { withDeadline } from '../lifecycle/deadline';
import type { SocketDoor } from './socket-door';
import type { Traffic } from './traffic';

/** Of the time for the whole, what is kept for the closing after the requests; a quarter where the whole is short. */
const CLOSING_MS = 5_000;
/** What is left after a second signal, and for what holds the process though everything is closed. */
const HURRY_MS = 3_000;
/** npm and terminals send one Ctrl-C twice. */
const SAME_SIGNAL_MS = 1_000;
const FLUSH_MS = 1_000;
/** Of the time for the closing, what the sub-applications may take: the main application must have its end, too. */
const ENDING_SHARE = 0.5;
/** Of that, how long handlers are waited for that go on after their visitor has left or was refused. */
const DRAIN_SHARE = 0.5;

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * The end of the process at SIGTERM or SIGINT, in the place of the core's, which destroys the main application first
 * and lets no request end. In order: nobody is let in, who is in gets his answer, tabs are asked to come again,
 * sub-applications end, the main application ends, the core closes what is its own. `APP_SUPERVISOR_SHUTDOWN_TIMEOUT`
 * bounds the whole; a second signal ends the waiting.
 */
export class ProcessEnd {
  private core?: CoreTermination;
  private begunAt?: number;
  private inHurry = false;
  private hurry: () => void = () => undefined;
  private readonly hurried = new Promise<void>((resolve) => {
    this.hurry = () => {
      this.inHurry = true;
      resolve();
    };
  });
  private lastMoment?: NodeJS.Timeout;

  constructor(
    private readonly service: AppService,
    private readonly traffic: Traffic,
    private readonly sockets: Pick<SocketDoor, 'endWaits'>,
  ) {}

  /** Takes the signals over from the core. */
  install(): void {
    const core = coreTermination();
    if (this.core || !core) return;
    this.core = core;
    for (const signal of SIGNALS) {
      process.off(signal, core.onTerminate);
      process.on(signal, this.onSignal);
    }
  }

  /** Gives the signals back; an end that has begun keeps them. */
  uninstall(): void {
    const { core } = this;
    if (!core || this.begunAt !== undefined) return;
    this.core = undefined;
    for (const signal of SIGNALS) {
      process.off(signal, this.onSignal);
      process.once(signal, core.onTerminate);
    }
  }

  private readonly onSignal = (signal: NodeJS.Signals): void => {
    if (this.begunAt === undefined) {
      this.begunAt = Date.now();
      this.end(signal).catch((error: unknown) => this.giveUp(String(error)));
    } else if (Date.now() - this.begunAt > SAME_SIGNAL_MS) {
      this.note(`${signal} again: no more waiting`);
      this.hurry();
      this.endBy(HURRY_MS);
    }
  };

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { service, traffic, core } = this;
    const total = service.config.shutdownTimeoutMs;
    const late = new AppError('APP_SHUTTING_DOWN');
    this.endBy(total);
    this.note(`${signal}: shutting down, ${traffic.size} requests in flight`);

    service.beginEnd();
    service.limits.close();
    this.sockets.endWaits();
    // Only the listening: idle connections stay, so that who comes on one of them is answered.
    if (core?.server) NetServer.prototype.close.call(core.server);
    traffic.lastCall();
    if (!service.mainUp) traffic.refuseAll(late);
    const closing = Math.min(CLOSING_MS, total / 4);
    await this.within(total - closing, Promise.race([traffic.empty(), this.hurried]));

    traffic.refuseAll(late);
    await this.within(FLUSH_MS, traffic.empty());
    await this.closeSockets();
    // What has begun and is not finished is cut: nobody waits for it in an application's end.
    core?.server?.closeAllConnections();
    const ending = closing * ENDING_SHARE;
    await this.within(ending, service.endAll(this.inHurry ? 0 : ending * DRAIN_SHARE));
    // From here on another process may manage the applications.
    await this.within(FLUSH_MS, service.leadership.end());
    // The main application is left of them.
    await service.supervisor.getProcessAdapter().removeAllApps?.();
    await core?.onTerminate(signal);
    clearTimeout(this.lastMoment);
    // Nothing of ours is left. What another plugin has forgotten must not keep the process from its end.
    setTimeout(() => process.exit(), HURRY_MS).unref();
  }

  /** Tabs come again by themselves, a second later. */
  private async closeSockets(): Promise<void> {
    const clients = [...(socketServer()?.webSocketClients.values() ?? [])].map(({ ws }) => ws);
    if (clients.length === 0) return;
    const closed = clients.map((ws) => new Promise<void>((resolve) => ws.on('close', resolve)));
    for (const ws of clients) ws.close(SERVICE_RESTART);
    await this.within(FLUSH_MS, Promise.all(closed));
    for (const ws of clients) ws.terminate();
  }

  private async within(ms: number, work: Promise<unknown>): Promise<void> {
    await withDeadline(work, ms, () => new Error('late')).catch(() => undefined);
  }

  private endBy(ms: number): void {
    clearTimeout(this.lastMoment);
    this.lastMoment = setTimeout(() => this.giveUp(`not done within ${ms / 1_000} seconds`), ms);
  }

  private giveUp(reason: string): void {
    // The logs may be closed by now.
    process.stderr.write(`App Supervisor: the shutdown is given up: ${reason}\n`);
    process.exit(1);
  }

  private note(message: string): void {
    this.service.supervisor.apps.main?.log.info(message, { module: 'app-supervisor' });
  }
}

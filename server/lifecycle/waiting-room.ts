import { AppError } from '../../src/errors';
import { withDeadline } from './deadline';

/**
 * Where requests are held while their application comes up: a bounded number of them, for a bounded time. The room
 * holds no request objects, only their places.
 */
export class WaitingRoom {
  private places = 0;

  constructor(
    private readonly appName: string,
    private readonly limits: () => { maxWaiting: number; waitTimeoutMs: number },
    /** Called when a visitor is sent away, so that the application can tell open tabs when it is up. */
    private readonly onRefused: () => void,
  ) {}

  get occupied(): number {
    return this.places;
  }

  /**
   * Waits until `ready` settles. The place is given back when it does, at the deadline, or at once when `gone`
   * resolves (the visitor has left; then the result is false).
   * @throws APP_TOO_MANY_WAITING, APP_WAIT_TIMEOUT, or what `ready` rejects with
   */
  async hold(ready: Promise<unknown>, gone: Promise<void>): Promise<boolean> {
    const { maxWaiting, waitTimeoutMs } = this.limits();
    // Who is sent away does not hear how it ended.
    ready.catch(() => undefined);
    if (this.places >= maxWaiting) {
      this.onRefused();
      throw new AppError('APP_TOO_MANY_WAITING', { name: this.appName });
    }
    this.places += 1;
    try {
      const stays = Promise.race([ready.then(() => true), gone.then(() => false)]);
      return await withDeadline(stays, waitTimeoutMs, () => {
        this.onRefused();
        return new AppError('APP_WAIT_TIMEOUT', { name: this.appName });
      });
    } finally {
      this.places -= 1;
    }
  }
}

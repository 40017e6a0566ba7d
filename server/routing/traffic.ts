import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppError } from '../../src/errors';
import { whenOver } from './departure';
import { refuse } from './refusal';

/** The requests that are in the house: from the front door to the end of their answer, whomever they are for. */
export class Traffic {
  private readonly inside = new Map<ServerResponse, IncomingMessage>();
  private whenEmpty: (() => void)[] = [];
  get size(): number {
    return this.inside.size;
  }

  enter(req: IncomingMessage, res: ServerResponse): void {
    this.inside.set(res, req);
    whenOver(req, res, () => this.forget(res));
  }

  private forget(res: ServerResponse): void {
    this.inside.delete(res);
    if (this.inside.size > 0) return;
    for (const resolve of this.whenEmpty.splice(0)) resolve();
  }

  /** The requests inside that meet the condition. */
  find(condition: (req: IncomingMessage, res: ServerResponse) => boolean): [ServerResponse, IncomingMessage][] {
    return [...this.inside].filter(([res, req]) => condition(req, res));
  }

  /** Resolves when the last one has left. */
  empty(): Promise<void> {
    if (this.inside.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenEmpty.push(resolve));
  }

  /** Nobody comes again on the connection on which he is now. */
  lastCall(): void {
    for (const res of this.inside.keys()) if (!res.headersSent) res.setHeader('Connection', 'close');
  }

  /** Whoever has no answer yet gets this one. What has begun cannot be taken back. */
  refuseAll(error: AppError): void {
    for (const [res, req] of this.inside) refuse(req, res, error);
  }
}

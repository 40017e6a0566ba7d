import type { Application } from '@nocobase/server';

interface WinstonLogger {
  levels: Record<string, number>;
  isLevelEnabled(level: string): boolean;
  [level: string]: unknown;
}

/**
 * NocoBase's logger formats every entry, and drops it only behind that when its level is not configured; an application
 * writes hundreds of them while it starts. Here an entry that no transport would take is dropped at once. The question
 * is asked anew for each entry, so that a level changed meanwhile is obeyed. Child loggers inherit this.
 */
export function skipQuietLevels(app: Application): void {
  const logger = app.logger as unknown as WinstonLogger;
  if (typeof logger?.isLevelEnabled !== 'function' || !logger.levels) return;
  for (const level of Object.keys(logger.levels)) {
    const write = logger[level];
    if (typeof write !== 'function' || Object.hasOwn(logger, level)) continue;
    logger[level] = function (this: WinstonLogger, ...args: unknown[]) {
      return this.isLevelEnabled(level) ? (write.apply(this, args) as unknown) : this;
    };
  }
}

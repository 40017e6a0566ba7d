import type { Application } from '@nocobase/server';
import type { InProcessApp } from './in-process-app';

/** The instance of an application that runs. */
export function instanceOf({ supervisor }: InProcessApp, name: string): Application {
  const found = supervisor.getApps().find((app) => app.name === name);
  if (!found) throw new Error(`the application ${name} does not run`);
  return found;
}

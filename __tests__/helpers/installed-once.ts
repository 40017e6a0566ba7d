import type { AppRecord } from '../../src/app-record';
import type { InProcessApp } from './in-process-app';

/** The record of an application that the test has created. */
export function mustFind(app: InProcessApp, name: string): AppRecord {
  const record = app.service.registry.find(name);
  if (!record) throw new Error(`no application ${name}`);
  return record;
}

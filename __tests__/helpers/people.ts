import { Client } from 'pg';
import type { InProcessApp } from './in-process-app';
import type { Answer } from './test-host';

/** Plugins of an application that somebody can sign in to, with what an installation of NocoBase writes into it. */
export const WITH_PEOPLE = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'file-manager', 'system-settings', 'api-keys'],
];

/** What the main application needs to hash passwords. */
export const MAIN_WITH_PEOPLE = [
  'field-sort',
  'error-handler',
  'data-source-manager',
  'data-source-main',
  'users',
  'auth',
];

/** Signs in with an account of the application; undefined when it is refused. */
export async function signIn(app: InProcessApp, name: string, account: string, password: string) {
  const headers = { 'X-App': name, 'X-Authenticator': 'basic' };
  const { body } = await app.post('/api/auth:signIn', { account, password }, headers);
  return (body as { data?: { token?: string } }).data?.token;
}

/** Who the token's owner is, as the application says. */
export async function whoIs(app: InProcessApp, name: string, token: string | undefined): Promise<Answer> {
  return app.get('/api/auth:check', { 'X-App': name, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` });
}

/** The steps of the latest event of this type. */
export async function stepsOf(app: InProcessApp, name: string, type = 'created'): Promise<string[]> {
  const { body } = await app.get(`/api/applications:events?filterByTk=${name}`);
  const events = (body as { data: { type: string; journey: { steps: { step: string }[] } | null }[] }).data;
  const event = events.find((candidate) => candidate.type === type);
  return event?.journey?.steps.map(({ step }) => step) ?? [];
}

/** Makes the next journey fail when it comes to this step, once: as if the process had been killed there. */
export function cutAt(step: string, from: { prototype: { enter(step: string): void } }): jest.SpyInstance {
  const enter = from.prototype.enter;
  let cut = false;
  return jest.spyOn(from.prototype, 'enter').mockImplementation(function (this: object, entered: string) {
    enter.call(this, entered);
    if (entered !== step || cut) return;
    cut = true;
    throw new Error('cut off here');
  });
}

/** A connection that keeps every copy of these databases waiting for as long as it lasts. */
export async function holdDatabase(app: InProcessApp, ...databases: string[]): Promise<Client> {
  const { host, port, user, password } = app.address;
  const holder = new Client({ host, port, user, password, database: 'postgres' });
  await holder.connect();
  await holder.query('BEGIN');
  for (const database of databases) {
    const comment = await holder.query<{ comment: string | null }>(
      `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
      [database],
    );
    const text = comment.rows[0]?.comment;
    const same = text === null || text === undefined ? 'NULL' : holder.escapeLiteral(text);
    // Its lock keeps the copy waiting.
    await holder.query(`COMMENT ON DATABASE ${holder.escapeIdentifier(database)} IS ${same}`);
  }
  return holder;
}

/**
 * Holds what a copy of one of these databases must wait for, until the copy's connection is ended by the server, as when
 * it is shut down or its network breaks.
 */
export async function breakNextCopy(app: InProcessApp, ...databases: string[]): Promise<() => Promise<void>> {
  const holder = await holdDatabase(app, ...databases);
  return async () => {
    try {
      await app.until('the copy has begun, and was broken', async () => {
        // Within a transaction the server goes on showing who was there at the first look.
        await holder.query('SELECT pg_stat_clear_snapshot()');
        const ended = await holder.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity, unnest($1::text[]) AS wanted
            WHERE query LIKE 'CREATE DATABASE%' AND position(wanted IN query) > 0 AND wait_event_type = 'Lock'`,
          [databases],
        );
        return ended.rows.length > 0;
      });
    } finally {
      await holder.end();
    }
  };
}

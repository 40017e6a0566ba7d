import type { Client } from 'pg';
import { AppError } from '../../src/errors';
import {
  readMark,
  TEMPLATE_PREFIX,
  type FoundTemplate,
  type TemplateMark,
  type TemplateOwner,
} from '../../src/policies/template-plan';
import type { ServerAddress } from './dialect';
import { commentOf, createClosed, draftName, dropDraft, dropIfThere } from './postgres';
import { marker } from './mark';
import { advisoryKey, takeAdvisoryLock, type AdvisoryLock } from './postgres-advisory-lock';
import { withClient } from './postgres-connection';
import { admitOnly, transferDatabase } from './postgres-roles';

/**
 * Copies of whole databases on one PostgreSQL server. PostgreSQL copies a database to which nobody is connected, and
 * locks it meanwhile by itself: any number of copies at a time, but none while it is dropped, and the other way round.
 */

/** object_in_use: somebody is connected to what is to be copied, for longer than the five seconds that PostgreSQL waits. */
const OBJECT_IN_USE = '55006';

/** One for all main applications in a database: a half built template may be of any of them. */
const TEMPLATE_LOCK: AdvisoryLock = {
  key: advisoryKey('templates'),
  // A role that cannot create databases builds no template.
  strangers: 'NOT (role.rolcreatedb OR role.rolsuper)',
};

/** How much longer than the server's own deadline we wait for its word. */
const CLIENT_PATIENCE_MS = 5_000;

async function limitStatements(client: Client, deadlineMs: number): Promise<void> {
  await client.query(`SET statement_timeout = ${Math.max(1, Math.floor(deadlineMs))}`);
}

export interface CopyOrder {
  source: string;
  database: string;
  token: string;
  deadlineMs: number;
  /** Of a template: whether it is to be copied, by its mark. Without it, the source is copied as it is. */
  wanted?: (mark: TemplateMark) => Promise<boolean>;
  /** The name of the role that may work in the copy, and nobody else. What a template holds is open to it already. */
  role?: string;
  /** Fills an empty database where the source cannot be copied, since somebody is connected to it. */
  fill?: (draft: string) => Promise<void>;
  /** Asked when it is copied, which takes its time: throws where nobody waits for it any more. */
  assertCurrent: () => void;
}

/**
 * Copies a database under a new name, marked with the token, so that no unmarked one ever carries that name. May be
 * repeated after any interruption.
 * @returns whether there was something to copy
 * @throws APP_DATABASE_EXISTS, APP_DATABASE_SOURCE_BUSY
 */
export function copyPostgresDatabase(server: ServerAddress, order: CopyOrder): Promise<boolean> {
  const { source, database, token, deadlineMs, wanted, role, fill, assertCurrent } = order;
  const work = async (client: Client) => {
    await limitStatements(client, deadlineMs);
    const there = await commentOf(client, database);
    // Ours already. Of a template nobody would have asked, if it were more than a beginning.
    if (there === marker(token)) return wanted === undefined;
    if (there !== undefined) throw new AppError('APP_DATABASE_EXISTS', { database });
    if (wanted) {
      const mark = readMark(await commentOf(client, source));
      if (!mark || !(await wanted(mark))) return false;
    }
    const draft = draftName(token);
    // An attempt that was cut off; nobody can tell of what it is a copy.
    await dropDraft(client, token);
    const admit = async () => {
      if (role === undefined) return;
      await admitOnly(client, draft, role);
      if (!wanted) await transferDatabase({ ...server, queryTimeoutMs: deadlineMs }, draft, role);
    };
    try {
      await createFrom(client, source, draft).catch(async (error: unknown) => {
        if (!fill || (error as { code?: unknown }).code !== 'APP_DATABASE_SOURCE_BUSY') throw error;
        await createFrom(client, 'template0', draft);
        await admit();
        await fill(draft);
      });
      assertCurrent();
      await admit();
    } catch (error) {
      await dropIfThere(client, draft);
      throw error;
    }
    const name = client.escapeIdentifier(draft);
    await client.query(`COMMENT ON DATABASE ${name} IS ${client.escapeLiteral(marker(token))}`);
    await client.query(`ALTER DATABASE ${name} RENAME TO ${client.escapeIdentifier(database)}`);
    return true;
  };
  return withClient({ ...server, queryTimeoutMs: deadlineMs + CLIENT_PATIENCE_MS }, server.database, work);
}

async function createFrom(client: Client, source: string, database: string): Promise<void> {
  try {
    await createClosed(client, database, source);
  } catch (error) {
    if ((error as { code?: unknown }).code !== OBJECT_IN_USE) throw error;
    throw new AppError('APP_DATABASE_SOURCE_BUSY', { database: source }, error);
  }
}

export function dropPostgresDraft(server: ServerAddress, token: string): Promise<void> {
  return withClient(server, server.database, (client) => dropDraft(client, token));
}

/** Whether this role may copy the database. */
export function mayCopyPostgresDatabase(server: ServerAddress, database: string): Promise<boolean> {
  return withClient(server, server.database, async (client) => {
    const found = await client.query<{ allowed: boolean }>(
      `SELECT pg_has_role(datdba, 'USAGE') OR datistemplate AS allowed FROM pg_database WHERE datname = $1`,
      [database],
    );
    return found.rows[0]?.allowed === true;
  });
}

export function readPostgresOwner(server: ServerAddress, schema: string): Promise<TemplateOwner> {
  return withClient(server, server.database, async (client) => {
    const found = await client.query<{ oid: string }>(
      'SELECT oid::text AS oid FROM pg_database WHERE datname = current_database()',
    );
    return { oid: found.rows[0]?.oid ?? '', schema };
  });
}

/** What may be done with the templates while no other process of this main application does. */
export interface TemplateWorkshop {
  /** The templates that this role may drop, and the identifiers of all databases of the server. */
  list(): Promise<{ found: FoundTemplate[]; oids: Set<string> }>;
  drop(name: string): Promise<void>;
  /**
   * Nobody may be connected to the source. Until it carries its mark, it counts as half built.
   * @param role the name of the role that is to own what is in it
   */
  build(name: string, source: string, mark: TemplateMark, role?: string): Promise<void>;
}

/** Does `work` alone; undefined when another process is at it. */
export function withPostgresTemplates<T>(
  server: ServerAddress,
  deadlineMs: number,
  work: (workshop: TemplateWorkshop) => Promise<T>,
): Promise<T | undefined> {
  return withClient({ ...server, queryTimeoutMs: deadlineMs + CLIENT_PATIENCE_MS }, server.database, async (client) => {
    await limitStatements(client, deadlineMs);
    // It ends with the connection.
    if (!(await takeAdvisoryLock(client, TEMPLATE_LOCK))) return undefined;
    return work({
      list: () => listTemplates(client),
      drop: (name) => dropIfThere(client, name),
      build: async (name, source, mark, role) => {
        await createFrom(client, source, name);
        if (role !== undefined) await transferDatabase({ ...server, queryTimeoutMs: deadlineMs }, name, role);
        await closeTemplate(client, name, mark);
      },
    });
  });
}

async function listTemplates(client: Client): Promise<{ found: FoundTemplate[]; oids: Set<string> }> {
  const databases = await client.query<{ name: string; oid: string; comment: string | null; ours: boolean }>(
    `SELECT datname AS name, oid::text AS oid, shobj_description(oid, 'pg_database') AS comment,
            starts_with(datname, $1) AND pg_has_role(datdba, 'USAGE') AS ours FROM pg_database`,
    [TEMPLATE_PREFIX],
  );
  const found = databases.rows.flatMap(({ name, comment, ours }): FoundTemplate[] => {
    const mark = readMark(comment);
    // A half-built one has no comment; what has another one is somebody's, whatever its name.
    if (!ours || (comment !== null && !mark)) return [];
    return [mark ? { name, mark } : { name }];
  });
  return { found, oids: new Set(databases.rows.map(({ oid }) => oid)) };
}

async function closeTemplate(client: Client, name: string, mark: TemplateMark): Promise<void> {
  const template = client.escapeIdentifier(name);
  // A connection would keep it from being copied. It needs no IS_TEMPLATE: whoever made it may copy it, and nobody else.
  await client.query(`ALTER DATABASE ${template} WITH ALLOW_CONNECTIONS false`);
  await client.query(`COMMENT ON DATABASE ${template} IS ${client.escapeLiteral(JSON.stringify(mark))}`);
}

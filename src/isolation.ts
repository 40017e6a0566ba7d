import type { Reason } from './phrase';

/**
 * Whether an application has a role of its own at its database server. One role for all lets SQL in one application
 * read and drop the databases of others.
 */

/** Why an application has no role of its own. Shown by the clients, which have a sentence for each. */
export const ISOLATION_REASONS = [
  /** It is older than this, or the process ended while it was moved; `applications:isolate` moves it. */
  'not-moved',
  /** The main application's role may not create roles, or not grant what they need. */
  'right-missing',
  /** The server does not let a new role sign in: `pg_hba.conf`, or a pooler with a list of users. */
  'login-refused',
  /** Before PostgreSQL 15 every role may create tables in the schema `public` that main's tables are in. */
  'server-old',
  /** Every role may create objects in the schema of the main application. */
  'schema-open',
  /** Its database belongs to another role than the main application's. */
  'not-owner',
  /** MySQL and MariaDB: the pattern by which a grant names its database would be too long. */
  'name-too-long',
  /** It uses the role that was given with its connection. */
  'own-connection',
  /** Another plugin created it. */
  'other-plugin',
] as const;
export type IsolationReason = (typeof ISOLATION_REASONS)[number];

/** The same as the end of a sentence. */
export const ISOLATION_SENTENCES: Readonly<Record<IsolationReason, string>> = {
  'not-moved': 'it was not moved yet',
  'right-missing': "the main application's database role may not create roles or pass on rights",
  'login-refused':
    'the database server does not let a new role sign in; allow roles whose names begin with as_ in pg_hba.conf, or in the list of users of the pooler',
  'server-old': 'PostgreSQL 15 or newer is needed for an application in a schema',
  'schema-open': 'every role may create objects in the schema of the main application',
  'not-owner': 'the database, or something in it, belongs to another role',
  'name-too-long': 'the name of its database has more than 64 characters in a grant, where each "_" counts twice',
  'own-connection': 'it signs in as the role that was given with its connection',
  'other-plugin': 'another plugin decides where its data is stored',
};

/** What stands against a role of its own, and the SQL by which an administrator of the server can remove it. */
export interface RoleObstacle {
  reason: IsolationReason;
  sql?: string;
  /** What it is that stands against it, where there is more to say. */
  detail?: Reason;
}

/** The same as callers see it. */
export interface Isolation {
  isolated: boolean;
  /** Null for an isolated application. */
  reason: IsolationReason | null;
  /** For an administrator of the database server; null where no statement helps. */
  sql: string | null;
}

export const ISOLATED: Isolation = { isolated: true, reason: null, sql: null };

export function notIsolated({ reason, sql }: RoleObstacle): Isolation {
  return { isolated: false, reason, sql: sql ?? null };
}

import type { Client } from 'pg';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { FIRST_USER_OID, OBJECTS } from './postgres-objects';

/** How long a table that somebody uses is waited for. */
const LOCK_TIMEOUT_MS = 10_000;
const FOREIGN_OBJECTS = `
  SELECT o.rank, i.type, i.identity, pg_get_userbyid(o.owner) AS owner, pg_has_role(o.owner, 'MEMBER') AS allowed
    FROM (${OBJECTS}) o
    LEFT JOIN pg_namespace n ON n.oid = o.namespace
   CROSS JOIN LATERAL pg_identify_object(o.class, o.object, 0) i
   WHERE (o.object >= ${FIRST_USER_OID} OR n.nspname = 'public' AND o.rank = 0)
     AND (n.nspname IS NULL OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
     AND ($2::text IS NULL OR n.nspname = $2 AND o.rank > 0)
     AND NOT pg_has_role($1::name, o.owner, 'MEMBER')
     AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.object AND d.deptype = 'e')
   ORDER BY o.rank`;

interface ForeignObject {
  rank: number;
  type: string;
  identity: string;
  owner: string;
  allowed: boolean;
}

/**
 * Roles of other applications that own, or may do, something in the connected database, or may connect to it: it is a copy
 * of theirs, or an application that is gone left it.
 */
const FORMER_ROLES = `
  SELECT r.rolname AS name FROM pg_roles r JOIN pg_database b ON b.datname = current_database()
   WHERE r.rolname ~ '^as_[0-9]+_([0-9a-f]{8}_)?[0-9a-f]{16}$' AND r.rolname <> $1 AND pg_has_role(r.oid, 'MEMBER')
     AND (EXISTS (SELECT 1 FROM aclexplode(b.datacl) a WHERE a.grantee = r.oid)
       OR EXISTS (SELECT 1 FROM pg_shdepend d
                   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.dbid = b.oid))`;

/** What roles of other applications may do in one schema: an application that is gone left it, or its SQL granted it. */
const GRANTS_IN_SCHEMA = `
  SELECT DISTINCT r.rolname AS name, i.type, i.identity
    FROM pg_shdepend d
    JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
    JOIN pg_roles r ON r.oid = d.refobjid
   CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
   WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'a'
     AND r.rolname ~ '^as_[0-9]+_([0-9a-f]{8}_)?[0-9a-f]{16}$' AND r.rolname <> $1
     AND (i.schema = quote_ident($2) OR i.type = 'schema' AND i.name = quote_ident($2))`;

/** By the types of `pg_identify_object`: what GRANT and REVOKE call it. */
const GRANTABLE = new Map([
  ['schema', 'SCHEMA'],
  ...['table', 'view', 'materialized view', 'foreign table'].map((type) => [type, 'TABLE'] as const),
  ['sequence', 'SEQUENCE'],
  ...['function', 'procedure', 'aggregate', 'window function'].map((type) => [type, 'ROUTINE'] as const),
  ['type', 'TYPE'],
]);

const OTHER_TIES = `
  SELECT 1 FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid JOIN pg_roles r ON r.oid = d.refobjid
   WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname = $1 AND b.datname = current_database() LIMIT 1`;

const GRANTS_ELSEWHERE = `
  SELECT b.datname AS database, a.privilege_type AS privilege
    FROM pg_database b, aclexplode(b.datacl) a JOIN pg_roles r ON r.oid = a.grantee
   WHERE r.rolname = $1 AND b.datname <> current_database()`;

function ownerStatement({ type, identity }: ForeignObject, owner: string): string {
  const kind = type === 'statistics object' ? 'STATISTICS' : type.toUpperCase();
  return `ALTER ${kind} ${identity} OWNER TO ${owner}`;
}

export async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  // If it fails, the connection ends, and the transaction with it.
  const result = await work();
  await client.query('COMMIT');
  return result;
}

/**
 * Makes the role the owner of everything in the connected database, or in one schema of it. Idempotent. Not by
 * `REASSIGN OWNED BY` the main application's role: it owns databases, and these would change hands, too.
 * @throws APP_DATABASE_DENIED if a table belongs to a role for which ours cannot act
 */
export async function transferObjects(client: Client, role: string, schema?: string): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    const { rows } = await client.query<ForeignObject>(FOREIGN_OBJECTS, [role, schema ?? null]);
    const refused = rows.filter(({ rank, allowed }) => rank > 0 && !allowed);
    const [first] = refused;
    if (first) {
      const { type: kind, identity, owner: holder } = first;
      const reason = phrase('the {kind} {identity} belongs to the role "{holder}"', { kind, identity, holder });
      // To the main application's role, which passes them on: that of the application may be gone until then.
      const { rows: own } = await client.query<{ name: string }>('SELECT current_user AS name');
      const heir = client.escapeIdentifier(own[0]?.name ?? '');
      const sql = refused.map((object) => `${ownerStatement(object, heir)};`).join('\n');
      throw new AppError('APP_DATABASE_DENIED', { reason, sql });
    }
    const owner = client.escapeIdentifier(role);
    const statements = rows.filter(({ allowed }) => allowed).map((object) => ownerStatement(object, owner));
    if (statements.length) await client.query(statements.join(';\n'));
    if (schema === undefined) await endFormerRoles(client, role);
    else await endFormerGrants(client, role, schema);
  });
}

/**
 * Takes from the roles of other applications what they have in the connected database. `DROP OWNED BY` also revokes what
 * they may do in their own databases, so that this is granted again in the same transaction.
 */
async function endFormerRoles(client: Client, role: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(FORMER_ROLES, [role]);
  for (const { name } of rows) {
    const former = client.escapeIdentifier(name);
    const grants = await client.query<{ database: string; privilege: string }>(GRANTS_ELSEWHERE, [name]);
    await client.query(`REASSIGN OWNED BY ${former} TO ${client.escapeIdentifier(role)}`);
    await client.query(`DROP OWNED BY ${former}`);
    for (const { database, privilege } of grants.rows) {
      await client.query(`GRANT ${privilege} ON DATABASE ${client.escapeIdentifier(database)} TO ${former}`);
    }
  }
}

/**
 * Takes from the roles of other applications what they may do in a schema. A role that has nothing else in the database may
 * not connect to it any more; the next start of NocoBase drops it, if no application has it. What a role has in other schemas
 * stays: it may be an application's.
 */
async function endFormerGrants(client: Client, role: string, schema: string): Promise<void> {
  const { rows } = await client.query<{ name: string; type: string; identity: string }>(GRANTS_IN_SCHEMA, [
    role,
    schema,
  ]);
  for (const { name, type, identity } of rows) {
    const kind = GRANTABLE.get(type);
    if (kind) await client.query(`REVOKE ALL ON ${kind} ${identity} FROM ${client.escapeIdentifier(name)} CASCADE`);
  }
  for (const name of new Set(rows.map((row) => row.name))) {
    if ((await client.query(OTHER_TIES, [name])).rowCount) continue;
    const { rows: found } = await client.query<{ name: string }>('SELECT current_database() AS name');
    const database = client.escapeIdentifier(found[0]?.name ?? '');
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM ${client.escapeIdentifier(name)}`);
  }
}

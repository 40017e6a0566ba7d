import type { Client } from 'pg';

/** The first OID that PostgreSQL gives to what users create. */
export const FIRST_USER_OID = 16_384;

/**
 * Everything in the connected database that has an owner, except what belongs to the system. Sequences
 * and types that belong to a table follow it. Foreign-data wrappers, languages and subscriptions need a superuser.
 * `pg_shdepend` does not name what the first superuser owns, so that the catalogs themselves are read.
 */
export const OBJECTS = `
  SELECT 0 AS rank, tableoid AS class, oid AS object, nspowner AS owner, oid AS namespace FROM pg_namespace
  UNION ALL SELECT 1, tableoid, oid, typowner, typnamespace FROM pg_type t
   WHERE typtype IN ('b', 'd', 'e', 'r') AND NOT EXISTS (SELECT 1 FROM pg_type WHERE typarray = t.oid)
      OR typtype = 'c' AND EXISTS (SELECT 1 FROM pg_class WHERE oid = t.typrelid AND relkind = 'c')
  UNION ALL SELECT 2, tableoid, oid, relowner, relnamespace FROM pg_class c
   WHERE relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S' AND NOT EXISTS (
         SELECT 1 FROM pg_depend WHERE classid = c.tableoid AND objid = c.oid AND refclassid = c.tableoid
            AND refobjsubid > 0 AND deptype IN ('a', 'i'))
  UNION ALL SELECT 3, tableoid, oid, proowner, pronamespace FROM pg_proc
  UNION ALL SELECT 3, tableoid, oid, collowner, collnamespace FROM pg_collation
  UNION ALL SELECT 3, tableoid, oid, conowner, connamespace FROM pg_conversion
  UNION ALL SELECT 3, tableoid, oid, oprowner, oprnamespace FROM pg_operator
  UNION ALL SELECT 3, tableoid, oid, opcowner, opcnamespace FROM pg_opclass
  UNION ALL SELECT 3, tableoid, oid, opfowner, opfnamespace FROM pg_opfamily
  UNION ALL SELECT 3, tableoid, oid, stxowner, stxnamespace FROM pg_statistic_ext
  UNION ALL SELECT 3, tableoid, oid, dictowner, dictnamespace FROM pg_ts_dict
  UNION ALL SELECT 3, tableoid, oid, cfgowner, cfgnamespace FROM pg_ts_config
  UNION ALL SELECT 3, 'pg_largeobject'::regclass, oid, lomowner, NULL FROM pg_largeobject_metadata
  UNION ALL SELECT 3, tableoid, oid, pubowner, NULL FROM pg_publication
  UNION ALL SELECT 3, tableoid, oid, srvowner, NULL FROM pg_foreign_server`;

/**
 * Whether the connected database, or a schema of it, holds anything that a user created. A function, an operator or a
 * type is content as a table is: it would run in the application that is made there. Members of an extension do not
 * count while a superuser owns them; the owner of an extension can add objects of its own to it.
 */
export async function holdsObjects(client: Client, schema?: string): Promise<boolean> {
  const { rows } = await client.query<{ filled: boolean }>(
    `SELECT EXISTS (
       SELECT 1 FROM (${OBJECTS}) o
         LEFT JOIN pg_namespace n ON n.oid = o.namespace
           -- A user chooses the OID of a large object.
        WHERE (o.object >= ${FIRST_USER_OID} OR o.class = 'pg_largeobject'::regclass)
          AND (n.nspname IS NULL OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
          AND CASE WHEN $1::text IS NULL THEN o.rank > 0 OR n.nspname <> 'public'
                   ELSE n.nspname = $1 AND o.rank > 0 END
          AND NOT (EXISTS (SELECT 1 FROM pg_roles r WHERE r.oid = o.owner AND r.rolsuper)
               AND EXISTS (SELECT 1 FROM pg_depend d
                            WHERE d.classid = o.class AND d.objid = o.object AND d.deptype = 'e'))
     ) AS filled`,
    [schema ?? null],
  );
  return rows[0]?.filled === true;
}

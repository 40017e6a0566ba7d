/** The calls by which an application's administrator tries to reach a neighbour. */

export interface HostileCall {
  path: string;
  body: Record<string, unknown>;
}

/** What the attacker knows of the neighbour. */
export interface Neighbour {
  name: string;
  /** Paths of files that belong to it, or to the main application. */
  files: readonly string[];
}

/**
 * Actions that may end the attacker's session, account or instance. They are tried last, one after the other, each with
 * a new session. No action is left out.
 */
const ENDS_ITSELF =
  /^(auth|authenticators):|^app:(restart|refresh)$|^users:destroy$|^roles:destroy$|:(batchDestroy|clear)$/;

export function endsItself(action: string): boolean {
  return ENDS_ITSELF.test(action);
}

/** Two calls of an action: one for a record and values of the neighbour's, one for paths. */
export function hostileCalls(action: string, { name, files }: Neighbour): HostileCall[] {
  const [secret = '', upload = ''] = files;
  const climbing = `../../../../../..${secret}`;
  const named = {
    filterByTk: name,
    filter: JSON.stringify({ name }),
    resourceIndex: name,
    names: name,
    locale: climbing,
  };
  const byPath = { filterByTk: climbing, filename: climbing, name: climbing, task: name, associatedIndex: name };
  return [
    call(action, named, {
      ...{ name, app: name, appName: name, title: name, plugin: name, command: 'stop', dataTypes: ['required'] },
      ...{ packageName: 'multi-app-manager', registry: 'http://127.0.0.1:9', key: secret, filePath: secret },
      ...{ database: { database: name, schema: name }, options: { documentRoot: 'storage/apps/main' } },
    }),
    call(action, byPath, {
      ...{ name: climbing, file: secret, path: secret, filePath: secret, url: `file://${secret}`, key: climbing },
      ...{ files: [climbing, upload], filename: climbing, compressedFileUrl: secret, result: { filePath: secret } },
      ...{ enabledLanguages: [climbing], licenseKey: 'stolen', storageId: climbing, config: { sql: 'SELECT 1' } },
    }),
  ];
}

function call(action: string, query: Record<string, string>, body: Record<string, unknown>): HostileCall {
  return { path: `/api/${action}?${new URLSearchParams(query).toString()}`, body };
}

/** SQL against a neighbour and the main application, by the family of the server. */
export interface SqlTarget {
  database: string;
  schema?: string;
  main: string;
  /** The role that the main application signs in with. */
  mainRole: string;
}

export function postgresAttacks({ database, schema = 'public', main, mainRole }: SqlTarget): string[] {
  const users = `"${schema}"."users"`;
  return [
    `SELECT * FROM ${users}`,
    `SELECT * FROM "${database}"."${schema}"."users"`,
    `SELECT * FROM public."applications"`,
    `UPDATE ${users} SET "nickname" = 'stolen' WHERE "nickname" LIKE 'planted%'`,
    `DELETE FROM public."applications"`,
    `DROP DATABASE "${database}"`,
    `DROP DATABASE "${database}" WITH (FORCE)`,
    `ALTER DATABASE "${database}" CONNECTION LIMIT 0`,
    `ALTER DATABASE "${main}" SET search_path = 'pg_temp'`,
    `COMMENT ON DATABASE "${database}" IS 'stolen'`,
    `GRANT ALL ON DATABASE "${database}" TO PUBLIC`,
    ...(schema === 'public' ? [] : [`DROP SCHEMA "${schema}" CASCADE`, `ALTER SCHEMA "${schema}" RENAME TO stolen`]),
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${main}' AND usename = '${mainRole}'`,
    `SELECT pg_read_file('/etc/passwd')`,
    `SELECT lo_import('/etc/passwd')`,
    `COPY (SELECT 1) TO PROGRAM 'true'`,
    `SET ROLE "${mainRole}"`,
    `SET SESSION AUTHORIZATION "${mainRole}"`,
    `ALTER ROLE "${mainRole}" PASSWORD 'stolen'`,
    `CREATE ROLE stolen SUPERUSER`,
    `CREATE EXTENSION dblink`,
  ];
}

export function mysqlAttacks({ database, main, mainRole }: SqlTarget): string[] {
  return [
    `SELECT * FROM \`${database}\`.\`users\``,
    `SELECT * FROM \`${main}\`.\`applications\``,
    `UPDATE \`${database}\`.\`users\` SET \`nickname\` = 'stolen'`,
    `DELETE FROM \`${main}\`.\`applications\``,
    `DROP TABLE \`${database}\`.\`users\``,
    `DROP DATABASE \`${database}\``,
    `CREATE TABLE \`${main}\`.\`stolen\` (id INT)`,
    `CREATE VIEW stolen AS SELECT * FROM \`${database}\`.\`users\``,
    `SELECT LOAD_FILE('/etc/passwd')`,
    `SELECT 1 INTO OUTFILE '/tmp/stolen-${database}'`,
    `SELECT * FROM mysql.user`,
    `SET GLOBAL max_connections = 1`,
    `SET PASSWORD FOR '${mainRole}'@'localhost' = PASSWORD('stolen')`,
    `GRANT ALL ON *.* TO CURRENT_USER()`,
    `CREATE USER stolen`,
    `LOCK TABLES \`${database}\`.\`users\` WRITE`,
  ];
}

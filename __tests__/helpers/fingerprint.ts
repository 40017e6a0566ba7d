import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { quotedName, runSql, type KnownServer } from './database-servers';

/** What a database or a folder holds, in comparable form: a digest by table, or by file. */
export type Fingerprint = Record<string, string>;

/** The rows of every table of a database, or of a schema in it, without the named tables. */
export async function databaseFingerprint(
  server: KnownServer,
  database: string,
  { schema = 'public', without = [] }: { schema?: string; without?: readonly string[] } = {},
): Promise<Fingerprint> {
  const isPostgres = server.dialect.family === 'postgres';
  const place = isPostgres ? schema : database;
  const rows = await runSql<{ name: string }>(
    server,
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = '${place}' AND table_type = 'BASE TABLE' ORDER BY 1`,
    database,
  );
  const names = rows.map(({ name }) => name).filter((name) => !without.includes(name));
  if (names.length === 0) return {};
  const quoted = names.map((name) => `${quotedName(server, place)}.${quotedName(server, name)}`);
  const digests = isPostgres
    ? await postgresDigests(server, database, quoted)
    : await mysqlDigests(server, database, quoted);
  return Object.fromEntries(names.map((name, index) => [name, digests[index] ?? '']));
}

async function postgresDigests(server: KnownServer, database: string, tables: string[]): Promise<string[]> {
  const one = (table: string, index: number) =>
    `SELECT ${index} AS i, count(*) || ' ' || COALESCE(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS digest FROM ${table} t`;
  const sql = `${tables.map(one).join(' UNION ALL ')} ORDER BY i`;
  return (await runSql<{ digest: string }>(server, sql, database)).map(({ digest }) => digest);
}

async function mysqlDigests(server: KnownServer, database: string, tables: string[]): Promise<string[]> {
  const rows = await runSql<{ Checksum: unknown }>(server, `CHECKSUM TABLE ${tables.join(', ')}`, database);
  return rows.map(({ Checksum }) => String(Checksum));
}

/** The content of every file below a folder, but for the paths that `isOwn` names. */
export async function filesFingerprint(folder: string, isOwn: (file: string) => boolean): Promise<Fingerprint> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.path, entry.name));
  const names = files.map((file) => path.relative(folder, file)).filter((file) => !isOwn(file));
  const found: Fingerprint = {};
  for (const name of names.sort()) {
    const content = await readFile(path.join(folder, name)).catch(() => Buffer.from('gone'));
    found[name] = createHash('sha256').update(content).digest('hex').slice(0, 16);
  }
  return found;
}

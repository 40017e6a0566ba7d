import type { SqlTarget } from './hostile-calls';
import type { Answer } from './test-host';

/** The ways by which an application's administrator runs SQL, and what the SQL tries to read. */

/** Sends a request as the administrator of the attacking application. */
export type Send = (path: string, body: object) => Promise<Answer>;

/** Runs a statement. @returns the texts of all answers. `uid` is unique among the calls of all doors. */
export type Door = (send: Send, sql: string, uid: string) => Promise<string>;

const FIELDS = [{ name: 'shown', type: 'string', interface: 'input' }];

const idOf = ({ body }: Answer) => (body as { data?: { id?: number } }).data?.id;

async function textsOf(answers: Iterable<Promise<Answer> | Answer>): Promise<string> {
  const texts: string[] = [];
  for (const answer of answers) texts.push((await answer).text ?? '');
  return texts.join('\n');
}

/** A collection that begins with a harmless statement: a hostile one may be refused when it is created. */
async function sqlCollection(send: Send, sql: string, uid: string): Promise<Answer[]> {
  const name = `c${uid}`;
  return [
    await send('collections:create', { name, template: 'sql', sql: `SELECT 'x' AS shown`, fields: FIELDS }),
    await send(`collections:update?filterByTk=${name}`, { sql }),
    await send(`sqlCollection:update?filterByTk=${name}`, { sql, fields: FIELDS }),
    await send(`${name}:list`, {}),
  ];
}

async function workflow(send: Send, sql: string): Promise<Answer[]> {
  const created = await send('workflows:create', {
    ...{ title: 'x', type: 'action', enabled: true, current: true, sync: true },
    config: { collection: 'users', global: false },
  });
  const config = { dataSource: 'main', sql, unsafeInjection: true };
  const node = await send(`workflows/${idOf(created)}/nodes:create`, { type: 'sql', upstreamId: null, config });
  const values = { data: 1, userId: 1, roleName: 'root' };
  const run = await send(`workflows:execute?filterByTk=${idOf(created)}`, values);
  const filter = encodeURIComponent(JSON.stringify({ nodeId: idOf(node) }));
  return [created, node, run, await send(`jobs:list?filter=${filter}`, {})];
}

/** Each statement has one column, `shown`, so that charts and collections find it. */
export const DOORS: Record<string, Door> = {
  'test of a workflow node': (send, sql) =>
    textsOf([send('flow_nodes:test', { type: 'sql', config: { dataSource: 'main', sql, unsafeInjection: true } })]),
  'test of a workflow node with variables': (send, sql) =>
    textsOf([send('flow_nodes:test', { type: 'sql', config: { dataSource: 'main', sql } })]),
  'workflow that runs': async (send, sql) => textsOf(await workflow(send, sql)),
  'preview of a SQL collection': (send, sql) => textsOf([send('sqlCollection:execute', { sql })]),
  'SQL collection that is listed': async (send, sql, uid) => textsOf(await sqlCollection(send, sql, uid)),
  'chart of a SQL collection': async (send, sql, uid) => {
    const answers = await sqlCollection(send, sql, uid);
    const query = { mode: 'builder', variableResolution: 'legacy-schema', dataSource: 'main', collection: `c${uid}` };
    return textsOf([...answers, send('charts:queryData', { ...query, dimensions: [{ field: ['shown'] }] })]);
  },
  'SQL of a block': (send, sql) => textsOf([send('flowSql:run', { sql, type: 'selectRows', dataSourceKey: 'main' })]),
  'saved SQL of a block': async (send, sql, uid) =>
    textsOf([
      await send('flowSql:save', { uid: `f${uid}`, sql, dataSourceKey: 'main' }),
      await send('flowSql:runById', { uid: `f${uid}`, type: 'selectRows' }),
    ]),
};

const select = (expression: string, from: string) => `SELECT ${expression} AS shown FROM ${from}`;

/** Reads of rows, keys and statistics of others, and of the catalogs, which show names at most. */
export function postgresReads({ database, schema = 'public', main }: SqlTarget): string[] {
  const catalogs: [string, string][] = [
    ['rolpassword', 'pg_authid'],
    ['rolpassword', 'pg_roles'],
    ['passwd', 'pg_shadow'],
    ['query', 'pg_stat_activity'],
    [`concat(most_common_vals::text, histogram_bounds::text)`, 'pg_stats'],
    ['stavalues1::text', 'pg_statistic'],
    [`convert_from(data, 'latin1')`, 'pg_largeobject'],
    ['umoptions::text', 'pg_user_mappings'],
    ['subconninfo', 'pg_subscription'],
    ['statement', 'pg_prepared_statements'],
    ['prosrc', 'pg_proc'],
    ['definition', 'pg_views'],
    ['definition', 'pg_matviews'],
    ['description', 'pg_description'],
    ['setting', 'pg_settings'],
    ['setting', 'pg_file_settings'],
    ['database::text', 'pg_hba_file_rules'],
    ['last_value::text', 'pg_sequences'],
    [`concat(table_schema, table_name)`, 'information_schema.tables'],
    [`concat(column_name, column_default)`, 'information_schema.columns'],
    ['view_definition', 'information_schema.views'],
    ['routine_definition', 'information_schema.routines'],
    ['action_statement', 'information_schema.triggers'],
    ['option_value', 'information_schema.user_mapping_options'],
    [`pg_ls_dir('.')`, '(SELECT 1) one'],
    [`pg_read_file('PG_VERSION')`, '(SELECT 1) one'],
    [`database_to_xml(true, false, '')::text`, '(SELECT 1) one'],
    [`schema_to_xml('${schema}', true, false, '')::text`, '(SELECT 1) one'],
  ];
  return [
    select('nickname', `"${schema}"."users"`),
    select('nickname', `"${database}"."${schema}"."users"`),
    select('u::text', `"${schema}"."users" u`),
    select('nickname', `"${main}".public."users"`),
    select('nickname', `public."users"`),
    select('secrets::text', `public."applications"`),
    select('a::text', `public."applications" a`),
    ...catalogs.map(([expression, from]) => select(expression, from)),
  ];
}

export function mysqlReads({ database, main }: SqlTarget): string[] {
  const tables: [string, string][] = [
    ['nickname', `\`${database}\`.\`users\``],
    ['nickname', `\`${main}\`.\`users\``],
    ['secrets', `\`${main}\`.\`applications\``],
    ['authentication_string', 'mysql.user'],
    ['Priv', 'mysql.global_priv'],
    ['body', 'mysql.proc'],
    ['Password', 'mysql.servers'],
    ['table_name', 'mysql.innodb_table_stats'],
    ['min_value', 'mysql.column_stats'],
    ['INFO', 'information_schema.PROCESSLIST'],
    ['TABLE_NAME', 'information_schema.TABLES'],
    ['COLUMN_DEFAULT', 'information_schema.COLUMNS'],
    ['SCHEMA_NAME', 'information_schema.SCHEMATA'],
    ['VIEW_DEFINITION', 'information_schema.VIEWS'],
    ['ROUTINE_DEFINITION', 'information_schema.ROUTINES'],
    ['ACTION_STATEMENT', 'information_schema.TRIGGERS'],
    ['EVENT_DEFINITION', 'information_schema.EVENTS'],
    ['trx_query', 'information_schema.INNODB_TRX'],
    ['VARIABLE_VALUE', 'information_schema.GLOBAL_VARIABLES'],
    ['GRANTEE', 'information_schema.USER_PRIVILEGES'],
    ['SQL_TEXT', 'performance_schema.events_statements_history_long'],
    [`LOAD_FILE('/etc/passwd')`, 'DUAL'],
  ];
  return tables.map(([expression, from]) => select(expression, from));
}

import '../../helpers/in-process-environment';
import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';

const PLUGINS = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'system-settings', 'async-task-manager'],
  ...['workflow', 'workflow-javascript', 'workflow-json-query', 'action-export', 'action-import'],
];

interface WorkflowPlugin {
  instructions: { get(type: string): { test(config: object): Promise<{ result: unknown; log?: string }> } };
}

interface Manager {
  getRegisteredHandler(name: string): { name: string } | undefined;
}

/** The engines and locks that NocoBase shares, in an application as NocoBase loads it. */
describeWithPostgres('engines that all applications share', () => {
  let app: InProcessApp;
  let instance: Application;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    const crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: PLUGINS } });
    expect((await app.get('/api/app:getLang', { 'X-App': crm })).status).toBe(200);
    instance = instanceOf(app, crm);
  });

  afterAll(() => app?.end());

  it('templates read no files', async () => {
    const host = createRequire(require.resolve('@nocobase/server'));
    const { Handlebars, parseLiquidContext } = host('@nocobase/utils') as {
      Handlebars: { compile(text: string): (data: object) => string };
      parseLiquidContext(text: string, data: object): Promise<string>;
    };
    expect(() => Handlebars.compile(`{{{embed 'package.json' 'x'}}}`)({})).toThrow('Missing helper: "embed"');
    await expect(parseLiquidContext('{% include "package.json" %}', {})).rejects.toThrow('cannot read files');
  });

  it('a JSON query runs in a realm of its own', async () => {
    const { instructions } = instance.pm.get('workflow') as unknown as WorkflowPlugin;
    const query = (expression: string) =>
      instructions.get('json-query').test({ engine: 'jsonata', expression, source: { o: { a: 1 } } });
    expect(await query('o.a + 1')).toMatchObject({ result: 2 });
    const attack = '( $d := o.__defineGetter__; $sum.($d("implementation", function(){1})) )';
    await query(attack);
    expect(await query('$sum([1, 2])')).toMatchObject({ result: 3 });
    expect(await query('1 +')).toMatchObject({ result: null });
  });

  it('patterns and formulas that take too long are ended', async () => {
    const rules = [{ key: 'r', name: 'pattern', args: { regex: '^(a+)+$' } }] as never;
    instance.acl.allow('words', '*', 'public');
    instance.db.collection({
      name: 'words',
      fields: [
        { type: 'string', name: 'v', validation: { type: 'string', rules } },
        { type: 'uid', name: 'u', pattern: '^(a|a)*$' },
      ],
    });
    await instance.db.sync();
    const create = async (values: object) => await app.post('/api/words:create', values, { 'X-App': instance.name });
    expect((await create({ v: 'aaa', u: 'aa' })).status).toBe(200);
    const endless = `${'a'.repeat(60)}!`;
    for (const values of [{ v: endless }, { v: 'a', u: endless }]) {
      const { status, body } = await create(values);
      expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('APP_VALUE_INVALID')]);
    }
    expect(await instance.db.getRepository('words').count()).toBe(1);
    instance.acl.allow('flow_nodes', 'test', 'public');
    const formula = async (expression: string) => {
      const node = { type: 'calculation', config: { engine: 'math.js', expression } };
      const { body } = await app.post('/api/flow_nodes:test', node, { 'X-App': instance.name });
      return (body as { data: unknown }).data;
    };
    expect(await formula('1 + 2')).toMatchObject({ result: 3 });
    expect(await formula('f(x) = x < 2 ? 1 : f(x - 1) + f(x - 2); f(34)')).toMatchObject({
      result: expect.stringContaining('takes too long') as string,
    });
  });

  it('what a script logs and returns is measured', async () => {
    instance.acl.allow('flow_nodes', 'test', 'public');
    const script = async (content: string) => {
      const node = { type: 'script', config: { content, timeout: 10_000 } };
      const { body } = await app.post('/api/flow_nodes:test', node, { 'X-App': instance.name });
      return (body as { data: { result: unknown; log?: string } }).data;
    };
    expect(await script('console.log("a"); return 7')).toMatchObject({ result: 7, log: 'a\n' });
    const flood = await script('console.log("x".repeat(2e6)); while (true);');
    expect(flood.result).toBe('the script has logged more than 1 MB');
    expect(flood.log?.length ?? 0).toBeLessThanOrEqual(2 ** 20);
    const large = await script('return Array(300000).fill({ a: 1 })');
    expect(large.result).toContain('the result of the script has more than');
  });

  it('exports and imports have locks of their own', () => {
    const main = instance.dataSourceManager.dataSources.get('main')?.resourceManager as unknown as Manager;
    for (const action of ['export', 'importXlsx']) {
      expect(main.getRegisteredHandler(action)?.name).toBe('lockedAction');
    }
  });
});

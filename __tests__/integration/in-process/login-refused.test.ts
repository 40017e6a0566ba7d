import '../../helpers/in-process-environment';
import { readFileSync, writeFileSync } from 'node:fs';
import { roleOf, startAsCreator } from '../../helpers/app-roles';
import type { InProcessApp } from '../../helpers/in-process-app';

/** A database server whose rules let no new role sign in: `pg_hba.conf`, or a pooler with a list of users. */

const REJECTION = 'host all /^as_ all reject\n';

describe('a database server that lets no new role sign in', () => {
  let app: InProcessApp;
  let end: () => Promise<void>;
  let rules: string;
  let name: string;

  beforeAll(async () => {
    // The test writes its rules: a server of its own.
    const started = await startAsCreator({
      embedded: true,
    });
    ({ app, end } = started);
    name = app.name('shared');
    const [found] = await app.sql<{ hba_file: string }>('SHOW hba_file');
    rules = found?.hba_file ?? '';
    await rule((text) => REJECTION + text);
  });
  afterAll(() => end?.());

  async function rule(change: (text: string) => string): Promise<void> {
    writeFileSync(rules, change(readFileSync(rules, 'utf8')));
    await app.sql('SELECT pg_reload_conf()');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const isolation = async () =>
    (await app.get(`/api/applications:get?filterByTk=${name}`)).body.data.isolation as Record<string, unknown>;
  const isolate = () => app.post(`/api/applications:isolate?filterByTk=${name}`);
  const roles = () => app.sql(`SELECT rolname FROM pg_roles WHERE rolname ~ '^as_' AND rolname !~ 'template$'`);
  const visit = async () => (await app.get('/api/pm:listEnabled', { 'X-App': name })).status;

  it('a new application uses the role of the main application, and says why', async () => {
    await app.create({ name, options: { plugins: ['error-handler'] } });
    expect(await isolation()).toEqual({ isolated: false, reason: 'login-refused', sql: null });
    expect([await visit(), await roles()]).toEqual([200, []]);
  });

  it('"isolate" is refused with the remedy, and the application is not taken down for it', async () => {
    expect(await visit()).toBe(200);
    const before = await app.supervisor.getApp(name);
    const answer = await isolate();
    const [error] = (answer.body as { errors: { code: string; message: string }[] }).errors;
    expect([answer.status, error?.code]).toEqual([409, 'APP_ISOLATION_REFUSED']);
    expect(error?.message).toContain('pg_hba.conf');
    expect(error?.message).not.toContain('SQL');
    expect(await app.supervisor.getApp(name)).toBe(before);
    expect([app.service.runner(name)?.state, await roles()]).toEqual(['running', []]);
  });

  it('"isolate" succeeds when the server lets new roles sign in', async () => {
    await rule((text) => text.replace(REJECTION, ''));
    expect((await isolate()).status).toBe(200);
    expect([(await isolation()).isolated, await visit()]).toEqual([true, 200]);
    expect(await roles()).toEqual([{ rolname: roleOf(app, name)?.name }]);
  });
});

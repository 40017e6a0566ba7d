import { buildSync } from 'esbuild';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FakeSupervisor } from '../../helpers/fake-supervisor';
import { ShellLine } from '../../helpers/shell';

/** What only a real process shows: how it stands with its standard input and output. */
describe('the program', () => {
  let folder: string;
  let server: FakeSupervisor;
  const program = () => path.join(folder, 'program.js');

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'the-program-'));
    const entryPoints = [path.resolve(__dirname, '../../../server/commands/program.ts')];
    buildSync({ entryPoints, outfile: program(), bundle: true, platform: 'node', target: 'node20' });
    server = await new FakeSupervisor(path.join(folder, 's.sock')).listen();
    const rows = Array.from({ length: 2_000 }, (_, index) => ({ name: `app-${index}` }));
    const job = { application: 'crm', archive: 'crm.tar', outcome: 'done', bytes: 1, warnings: [] };
    server
      .on('applications:list', rows)
      .on('applications:export', job)
      .on('applications:events', [{ type: 'x' }]);
    server.on('applications:downloadArchive', (res) => res.end(Buffer.alloc(5_000_000)));
    server.on('applications:update', FakeSupervisor.json({ errors: [{ code: 'C', message: 'm' }] }, 409));
  });

  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (line: string) => {
    const { code, err } = await new ShellLine(
      line.replaceAll('APP', `${process.execPath} ${program()}`).replaceAll('AT', `--socket ${server.socket}`),
    ).ended;
    return [code, err];
  };

  it('fails where its answer finds no room, and ends well where nobody reads on', async () => {
    const full = [1, expect.stringContaining('The answer could not be written (ENOSPC).')];
    expect(await run('APP list --json AT > /dev/full')).toEqual(full);
    expect(await run('APP --help > /dev/full')).toEqual(full);
    expect(await run('APP export crm -o - AT > /dev/full')).toEqual(full);
    expect(await run('APP list --json AT | head -c 10 > /dev/null')).toEqual([0, '']);
    const cut = [1, 'The answer could not be written (EPIPE).\n'];
    expect(await run('APP export crm -o - AT | head -c 10 > /dev/null')).toEqual(cut);
    expect(await run('APP export crm -o - AT | wc -c | grep -q ^5000000')).toEqual([0, '']);
  });

  it.each([
    ['as a package', 'node_modules/nocobase-plugin-app-supervisor/dist/server'],
    ['as an uploaded plugin', 'storage/plugins/nocobase-plugin-app-supervisor/dist/server'],
    ['as an uploaded plugin that is called by its link', 'storage/plugins/linked/dist/server'],
  ])('finds the NocoBase in which it lies %s from any folder', async (_way, place) => {
    const root = mkdtempSync(path.join(tmpdir(), 'nb-'));
    const elsewhere = mkdtempSync(path.join(tmpdir(), 'elsewhere-'));
    mkdirSync(path.join(root, 'run'));
    const own = await new FakeSupervisor(path.join(root, 'run', 'app-supervisor.sock')).listen();
    own.on('applications:list', [{ name: 'crm' }]);
    try {
      mkdirSync(path.join(root, place), { recursive: true });
      copyFileSync(program(), path.join(root, place, 'app-command.js'));
      writeFileSync(path.join(root, '.env'), 'STORAGE_PATH=./run\n');
      let called = path.join(root, place, 'app-command.js');
      if (place.includes('linked')) {
        mkdirSync(path.join(root, 'node_modules'));
        symlinkSync(path.join(root, 'storage/plugins/linked'), path.join(root, 'node_modules/linked'));
        called = path.join(root, 'node_modules/linked/dist/server/app-command.js');
      }
      const ask = async (folder: string, env = '') => {
        const { code, err } = await new ShellLine(`cd ${folder} && ${env} ${process.execPath} ${called} list --json`)
          .ended;
        return [code, err];
      };
      expect(await ask(elsewhere)).toEqual([0, '']);
      expect(await ask(root)).toEqual([0, '']);
      // The caller's own words come first.
      const [code, err] = await ask(elsewhere, 'STORAGE_PATH=.');
      expect([code, err]).toEqual([3, expect.stringContaining(path.join(elsewhere, 'app-supervisor.sock'))]);
      mkdirSync(path.join(elsewhere, 'storage'));
      expect((await ask(elsewhere))[0]).toBe(3);
    } finally {
      own.close();
      for (const one of [root, elsewhere]) rmSync(one, { recursive: true, force: true });
    }
  });

  it('waits for a slow standard input', async () => {
    server.asked.length = 0;
    const [code] = await run('(sleep 0.3; printf se; sleep 0.3; echo cret) | APP update crm --password-file - AT');
    expect([code, JSON.parse(server.asked[0]?.body ?? '')]).toEqual([
      5,
      { options: { database: { password: 'secret' } } },
    ]);
    writeFileSync(path.join(folder, 'values.json'), '{"hidden":true}');
    expect((await run(`APP update crm --values @- AT < ${path.join(folder, 'values.json')}`))[0]).toBe(5);
    expect(server.asked[1]?.body).toBe('{"hidden":true}');
  });
});

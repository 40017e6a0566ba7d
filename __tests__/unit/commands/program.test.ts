import { buildSync } from 'esbuild';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

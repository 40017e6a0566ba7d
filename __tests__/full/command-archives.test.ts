import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { AppCommand } from '../helpers/app-command';
import { missingDumpProgram } from '../helpers/dump-programs';
import { postgresServer } from '../helpers/server-environment';
import { TestHost } from '../helpers/test-host';

/** `nocobase app export` and `import` in a real shell. */
const { env, missing } = postgresServer();
const reason = missing ?? missingDumpProgram();
const describeArchives = reason ? describe.skip : describe;

describeArchives(`nocobase app, with archives${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let host: TestHost;
  let folder: string;
  let command: AppCommand;
  const name = `packed-${process.pid}`;
  const inFolder = (file: string) => path.join(folder, file);

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-archives-'));
    host = await TestHost.start({ env });
    command = new AppCommand(host);
    expect((await host.create({ name, displayName: 'Packed' })).status).toBe(200);
  });

  afterAll(async () => {
    await host?.end();
    await rm(folder, { recursive: true, force: true });
  });

  it('exports on the server, as a table and in JSON', async () => {
    expect(await command.table(`export ${name} --wait`)).toMatch(
      new RegExp(`^Application +${name}\nArchive +\\S+\\.tar`),
    );
    const job = await command.json(`export ${name} --wait`);
    expect(job).toMatchObject({ kind: 'export', application: name, outcome: 'done' });
    const kept = (await host.act('listArchives')).body.data as { name: string }[];
    expect(kept.map((archive) => archive.name)).toContain(job.archive);
    expect(kept).toHaveLength(2);
  });

  it('exports into a file, readable by its owner only, and never half of it', async () => {
    const out = inFolder('out.tar');
    const made = await command.run(`APP export ${name} --output ${out}`);
    expect([made.code, made.err]).toEqual([0, '']);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    const { stdout } = await promisify(execFile)('tar', ['-tf', out]);
    expect(stdout).toMatch(/^manifest\.json$/m);
    expect(await readdir(folder)).toEqual(['out.tar']);
    const refused = await command.run(`APP export ${name} --output ${out}`);
    expect([refused.code, refused.err]).toEqual([5, expect.stringContaining('--yes')]);
    await command.table(`export ${name} --output ${out} --yes`);
    const nowhere = await command.run(`APP export ${name} --output ${inFolder('none/out.tar')}`);
    expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining('none/out.tar')]);
  });

  it('exports into a pipe', async () => {
    const piped = await command.run(`APP export ${name} --output - | tar -tf -`);
    expect([piped.code, piped.out]).toEqual([0, expect.stringMatching(/^manifest\.json$/m)]);
    const both = await command.run(`APP export ${name} --output - --json`);
    expect([both.code, both.out]).toEqual([2, '']);
  });

  it('imports a file, with its progress, and an archive of the folder', async () => {
    const copy = `${name}-2`;
    const made = await command.run(`APP import ${copy} --file ${inFolder('out.tar')} --wait`);
    expect([made.code, made.err]).toEqual([0, expect.stringMatching(/out\.tar: 100 %/)]);
    const { email, password } = host.host.credentials;
    expect((await host.signIn(copy, email, password)).status).toBe(200);
    expect((await host.show(copy)).body.data).toMatchObject({ displayName: 'Packed', state: 'running' });

    const [archive] = (await host.act('listArchives')).body.data as { name: string }[];
    const again = await command.json(`import ${name}-3 --archive ${archive?.name} --display-name 'Once more' --wait`);
    expect(again).toMatchObject({ kind: 'import', application: `${name}-3`, outcome: 'done' });
    expect((await host.show(`${name}-3`)).body.data).toMatchObject({ displayName: 'Once more' });
  });

  it('refuses what is no archive, what is taken, and what is nowhere, and leaves nothing', async () => {
    await writeFile(inFolder('no.tar'), 'no archive '.repeat(100_000));
    const codeOf = async (words: string) => {
      const ended = await command.run(`APP import ${words} --wait --json`);
      const last = ended.err.trimEnd().split('\n').at(-1) ?? '';
      return [ended.code, (JSON.parse(last) as { error: { code: string } }).error.code];
    };
    expect(await codeOf(`other-1 --file ${inFolder('no.tar')}`)).toEqual([5, 'APP_ARCHIVE_INVALID']);
    expect(await codeOf(`${name} --file ${inFolder('out.tar')}`)).toEqual([5, 'APP_NAME_TAKEN']);
    expect(await codeOf('other-2 --archive none.tar')).toEqual([4, 'APP_ARCHIVE_NOT_FOUND']);
    expect((await command.run(`APP import other-3 --file ${inFolder('none.tar')}`)).code).toBe(1);
    expect((await command.run('APP import other-4')).code).toBe(2);
    const ids = (await command.json('list')).map((row: { name: string }) => row.name);
    expect(ids).toEqual([name, `${name}-2`, `${name}-3`]);
  });

  it('goes on with an export whose operator has left by Ctrl-C', async () => {
    const before = (await host.act('listArchives')).body.data.length;
    const shell = command.line(`APP export ${name} --wait`);
    await shell.says(new RegExp(`${name}: \\w+`));
    shell.signal('SIGINT');
    const { code, err } = await shell.ended;
    expect([code, err]).toEqual([130, expect.stringContaining(`nocobase app events ${name}`)]);
    await host.until('the archive is there', async () => {
      return (await host.act('listArchives')).body.data.length === before + 1;
    });
  });
});

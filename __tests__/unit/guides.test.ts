import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { guideFile } from '../helpers/guides';

const MACHINE = (process.env.PATH ?? '').split(path.delimiter);
/** What the scripts call, all that a test may take away included. */
const PROGRAMS = ['bash', 'env', 'date', 'mkdir', 'rm', 'rmdir', 'openssl', 'jq'];
const missing = PROGRAMS.filter((name) => !MACHINE.some((folder) => existsSync(path.join(folder, name))));
const describeScripts = missing.length > 0 ? describe.skip : describe;

/** In the place of `node … app-command.js`: tells the list, writes an archive, and keeps what it was told to do. */
const COMMAND = `#!/usr/bin/env bash
shift
echo "$*" >> "$WORLD/calls"
case "$1" in
  list) echo "$LISTED" ;;
  export) [ "$2" != sick ] && echo new > "$4" ;;
esac
`;

const OLD = '2020-01-01';

/** The scripts of `docs/guides/` where something is wrong, without a NocoBase; `__tests__/full/guides.test.ts` has one. */
describeScripts(`the scripts of the guides${missing.length > 0 ? ` (skipped: no ${missing.join(', ')})` : ''}`, () => {
  let world: string;
  const at = (...names: string[]) => path.join(world, ...names);

  beforeEach(() => {
    world = mkdtempSync(path.join(tmpdir(), 'app-supervisor-guides-'));
    for (const folder of ['bin', 'exports', `exports/${OLD}`]) mkdirSync(at(folder));
    for (const name of PROGRAMS) {
      const found = MACHINE.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
      symlinkSync(found ?? '', at('bin', name));
    }
    for (const name of ['node', 'curl']) writeFileSync(at('bin', name), COMMAND, { mode: 0o755 });
  });

  afterEach(() => rmSync(world, { recursive: true, force: true }));

  const run = (script: string, listed: unknown, ...words: string[]) => {
    writeFileSync(at(script), guideFile(`/usr/local/bin/${script}`));
    const env = {
      ...{ PATH: at('bin'), WORLD: world, NOCOBASE_FOLDER: world, EXPORT_FOLDER: at('exports') },
      ...{ NOCOBASE_URL: 'http://127.0.0.1:9', NOCOBASE_API_KEY: 'key' },
      LISTED: typeof listed === 'string' ? listed : JSON.stringify(listed),
    };
    const { status, stderr } = spawnSync(at('bin/bash'), [at(script), ...words], {
      env,
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { status, stderr, calls: existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8') : '' };
  };
  const applications = (...names: string[]) => names.map((name) => ({ name, createdAt: '2020-01-01T00:00:00.000Z' }));
  const oldExports = (...names: string[]) => {
    for (const name of names) writeFileSync(at('exports', OLD, `${name}.tar`), 'old');
  };
  const exported = () =>
    Object.fromEntries(readdirSync(at('exports')).map((day) => [day, readdirSync(at('exports', day)).sort()]));

  it('exports all, and deletes what is old of them', () => {
    oldExports('crm', 'my shop');
    expect(run('export-applications', applications('crm', 'my shop'))).toMatchObject({ status: 0, stderr: '' });
    expect(Object.values(exported())).toEqual([['crm.tar', 'my shop.tar']]);
    expect(exported()).not.toHaveProperty([OLD]);
  });

  it('deletes only exports of applications that were exported in the same run', () => {
    oldExports('crm', 'sick', 'gone');
    const { status, stderr } = run('export-applications', applications('sick', 'crm'));
    expect([status, stderr]).toEqual([1, 'not exported: sick\n']);
    expect(exported()[OLD]).toEqual(['gone.tar', 'sick.tar']);
    expect(Object.values(exported())).toContainEqual(['crm.tar']);
  });

  it.each<[string, unknown]>([
    ['is empty', []],
    ['is nothing', ''],
    ['is none', 'a sentence'],
  ])('ends with an error and deletes nothing where the list %s', (_case, listed) => {
    oldExports('crm');
    const { status, stderr } = run('export-applications', listed);
    expect(status).toBeGreaterThan(0);
    expect(stderr).not.toBe('');
    expect(exported()).toEqual({ [OLD]: ['crm.tar'] });
  });

  describe('where jq is not there', () => {
    beforeEach(() => rmSync(at('bin/jq')));

    it('nothing is exported or deleted', () => {
      oldExports('crm');
      const { status, stderr, calls } = run('export-applications', applications('crm'));
      expect([status, stderr, calls]).toEqual([127, expect.stringContaining('jq'), 'list --json\n']);
      expect(exported()).toEqual({ [OLD]: ['crm.tar'] });
    });

    it('no demo ends, and the script says why', () => {
      const { status, stderr, calls } = run('end-demos', applications('demo-0123456789ab'));
      expect([status, stderr]).toEqual([127, expect.stringContaining('jq')]);
      expect(calls).toBe('list --name demo-* --json\n');
    });

    it('none is made, without its administrator', () => {
      const { status, stderr, calls } = run('new-demo', [], 'eve@example.org');
      expect([status, stderr, calls]).toEqual([127, expect.stringContaining('jq'), '']);
    });
  });

  it('ends demos of their age by their names, and nothing where there is none', () => {
    const [one, two] = ['demo-0123456789ab', 'demo-ba9876543210'];
    expect(run('end-demos', applications('demo-shop'))).toMatchObject({ status: 0, stderr: '' });
    const { status, calls } = run('end-demos', applications('demo-shop', one, two));
    expect(status).toBe(0);
    expect(calls.trim().split('\n').slice(1)).toEqual([
      'list --name demo-* --json',
      `remove ${one} ${two} --purge --drop-database --yes`,
    ]);
  });
});

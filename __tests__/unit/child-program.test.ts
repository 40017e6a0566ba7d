import { PassThrough, Readable, Writable } from 'node:stream';
import { cleanComplaint, programVersion, runProgram } from '../../server/databases/child-program';

const node = process.execPath;
const run = (script: string, more: object = {}) =>
  runProgram({ program: node, args: ['-e', script], env: {}, timeoutMs: 20_000, ...more });

describe('a program that runs for us', () => {
  it('gets what is given to it, and nothing of our own environment', async () => {
    process.env.PLANTED_4712 = 'ours';
    const said = await run('process.stdout.write(JSON.stringify(process.env))', { env: { PGPASSWORD: 'x' } });
    delete process.env.PLANTED_4712;
    expect(JSON.parse(said)).toMatchObject({ PGPASSWORD: 'x', LC_ALL: 'C' });
    expect(said).not.toContain('PLANTED_4712');
  });

  it('reads and writes as much as there is', async () => {
    const chunks = Array.from({ length: 200 }, (_, at) => Buffer.alloc(20_000, at));
    let size = 0;
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        done();
      },
    });
    await run('process.stdin.pipe(process.stdout)', { input: Readable.from(chunks), output });
    expect(size).toBe(4_000_000);
  });

  it('is told of by its own complaint where it does not read to the end', async () => {
    const endless = new Readable({ read() {} });
    const timer = setInterval(() => endless.push(Buffer.alloc(100_000)), 1);
    const work = run('console.error("error: no more"); process.exit(3)', { input: endless });
    await expect(work).rejects.toMatchObject({ name: 'ProgramFailure', code: 'code 3', details: 'error: no more' });
    clearInterval(timer);
    expect(endless.destroyed).toBe(true);
  });

  it('is ended where nobody takes what it writes', async () => {
    const full = new PassThrough();
    const work = run('setInterval(() => process.stdout.write("x".repeat(1e4)), 1)', { output: full });
    setTimeout(() => full.destroy(Object.assign(new Error('no space'), { code: 'ENOSPC' })), 100);
    await expect(work).rejects.toMatchObject({ code: 'ENOSPC' });
  });

  it('is ended when its time is over, and when it is given up', async () => {
    const script = 'setInterval(() => undefined, 1000)';
    await expect(run(script, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'APP_DUMP_TIMEOUT' });
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 200);
    await expect(run(script, { signal: abort.signal })).rejects.toThrow('enough');
    await expect(run(script, { signal: abort.signal })).rejects.toThrow('enough');
  });

  it('is named where it is missing', async () => {
    await expect(programVersion('no-such-program-4712')).rejects.toMatchObject({
      code: 'APP_DUMP_TOOL_MISSING',
      params: { program: 'no-such-program-4712', package: 'no-such-program-4712' },
    });
  });

  it('says its version', async () => {
    expect((await programVersion(node)).text).toBe(process.versions.node);
  });
});

describe('a complaint', () => {
  it('loses secrets, addresses and whatever is no complaint', () => {
    const text = 'COPY of data\npg_dump: error: p@ss failed at postgres://u:p@h/db with password=abc\tx\nmore';
    expect(cleanComplaint(text, ['p@ss', undefined, ''])).toBe('pg_dump: error: … failed at … with password=… x');
    expect(cleanComplaint('nothing to say', [])).toBe('');
    expect(cleanComplaint(`error: ${'x'.repeat(1_000)}`, [])).toHaveLength(300);
  });
});

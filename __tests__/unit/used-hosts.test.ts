import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UsedHosts } from '../../server/used-hosts';

const DAY_MS = 86_400_000;

describe('hosts by which users reach the main application', () => {
  let folder: string;
  let now: number;
  const warnings: unknown[] = [];
  const file = () => path.join(folder, 'hosts.json');
  const open = () =>
    new UsedHosts(
      file(),
      (error) => warnings.push(error),
      () => now,
    );

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'used-hosts-'));
    now = 1_000 * DAY_MS;
    warnings.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('outlive the process, without port and case', async () => {
    const hosts = open();
    for (const given of ['Corp.Example:8080', 'corp.example.', undefined, '', 'a b', '[::1]:80']) hosts.note(given);
    await hosts.written();
    expect([...open().recent()]).toEqual(['corp.example', '::1']);
    expect(warnings).toEqual([]);
  });

  it('are forgotten a week after their last use', async () => {
    const hosts = open();
    hosts.note('old.example');
    now += 6 * DAY_MS;
    hosts.note('corp.example');
    now += 2 * DAY_MS;
    await hosts.written();
    expect([[...hosts.recent()], [...open().recent()]]).toEqual([['corp.example'], ['corp.example']]);
    hosts.note('old.example');
    expect([...hosts.recent()]).toEqual(['corp.example', 'old.example']);
  });

  it('are bounded, and the ones that are in use stay', () => {
    const hosts = open();
    for (let index = 0; index < 1_000; index += 1) {
      hosts.note(`host-${index}.example`);
      now += 61_000;
      hosts.note('corp.example');
    }
    const recent = [...hosts.recent()];
    expect(recent).toHaveLength(100);
    expect(recent).toContain('corp.example');
  });

  it('are written at once when they are new, and else once an hour', async () => {
    const hosts = open();
    hosts.note('corp.example');
    await hosts.written();
    rmSync(file());
    for (let index = 0; index < 50; index += 1) {
      now += 61_000;
      hosts.note('corp.example');
    }
    await hosts.written();
    expect(existsSync(file())).toBe(false);
    now += 3_600_000;
    hosts.note('corp.example');
    await hosts.written();
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({ 'corp.example': now });
  });

  it.each(['', '{', '[]', '7', '{"x y":1}', '{"corp.example":"x"}', '{"__proto__":{"a":1}}'])(
    'begin anew if the file holds %s',
    (content) => {
      writeFileSync(file(), content);
      expect([...open().recent()]).toEqual([]);
    },
  );
});

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { nextForRecord } from '../../server/lifecycle/due-times';

const NOW = 1_000_000;
const cron = (expression: string) => (expression === 'hourly' ? NOW + 3_600 : undefined);
const next = (start?: number, end?: number, repeat?: number | string | null) =>
  nextForRecord(start, end, repeat, { now: NOW, nextByCron: cron });

describe('when a schedule fires next for a record', () => {
  it.each<[string, Parameters<typeof next>, number | undefined]>([
    ['its date is not set', [undefined, undefined, 60], undefined],
    ['its date is ahead', [NOW + 5, undefined, null], NOW + 5],
    ['its date is now', [NOW, undefined, null], NOW],
    ['its date is over', [NOW - 1, undefined, null], undefined],
    ['its date is ahead and it repeats', [NOW + 5, undefined, 60], NOW + 5],
    ['it repeats since a while', [NOW - 70, undefined, 60], NOW + 50],
    ['it repeats, and has just fired', [NOW - 60, undefined, 60], NOW + 60],
    ['it repeats by a cron expression', [NOW - 1, undefined, 'hourly'], NOW + 3_600],
    ['it repeats by one that cannot be read', [NOW - 1, undefined, 'sometimes'], undefined],
    ['its end comes first', [NOW - 70, NOW + 49, 60], undefined],
    ['its end comes just then', [NOW - 70, NOW + 50, 60], NOW + 50],
    ['its end is before its begin', [NOW + 5, NOW + 4, null], undefined],
    ['it repeats every 0 milliseconds', [NOW - 1, undefined, 0], undefined],
  ])('and %s', (_what, given, expected) => {
    expect(next(...given)).toBe(expected);
  });
});

/** What NocoBase brings along may change with its version; then `HOUSEKEEPING` and `readWorkload` are to be looked at. */
describe("NocoBase's own plugins", () => {
  const folder = path.resolve(__dirname, '../../host/node_modules/@nocobase');
  const plugins = readdirSync(folder).filter((name) => name.startsWith('plugin-'));
  const sourcesOf = (plugin: string) =>
    (readdirSync(path.join(folder, plugin, 'dist', 'server'), { recursive: true }) as string[])
      .filter((file) => file.endsWith('.js') && !file.includes('node_modules'))
      .map((file) => readFileSync(path.join(folder, plugin, 'dist', 'server', file), 'utf8'))
      .join('\n');
  const withServer = plugins.filter((plugin) => {
    try {
      return readdirSync(path.join(folder, plugin, 'dist', 'server')).length > 0;
    } catch {
      return false;
    }
  });

  it('have one cron job in every application, which is housekeeping', () => {
    const users = withServer.filter((plugin) => /cronJobManager\s*\.\s*addJob/.test(sourcesOf(plugin)));
    expect(users).toEqual(['plugin-ai']);
    const source = sourcesOf('plugin-ai');
    expect(source.match(/cronJobManager\s*\.\s*addJob/g)).toHaveLength(1);
    const job = source.slice(source.indexOf('cronJobManager.addJob'));
    expect(job).toMatch(/^cronJobManager\.addJob\(\{\s*cronTime: "0 0 2 \* \* \*",/);
    expect(job.slice(0, 800)).toContain('checkpointCleaner');
  });

  it('read times from a cron expression in three places, all of which are looked at', () => {
    const users = withServer.filter((plugin) => /cron_parser|cron-parser/.test(sourcesOf(plugin)));
    // The sequence field only counts with it, when a row is written.
    expect(users.sort()).toEqual(['plugin-backups', 'plugin-field-sequence', 'plugin-workflow']);
  });
});

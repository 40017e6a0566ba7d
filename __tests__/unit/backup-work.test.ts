import type { Application } from '@nocobase/server';
import { assertNoBackupWork, beginBackupWork, hasBackupWork, isBackingUp } from '../../server/lifecycle/backup-work';
import { glanceAtWorkload } from '../../server/lifecycle/workload';

const instance = (name: string) =>
  ({
    name,
    eventQueue: {},
    cronJobManager: { jobs: new Set() },
    pm: { get: () => undefined },
    dataSourceManager: { dataSources: new Map() },
    lockManager: {},
  }) as unknown as Application;

describe('backups and restores under way', () => {
  it('keep their instance awake until they have ended', () => {
    const [app, other] = [instance('crm'), instance('shop')];
    for (const kind of ['backup', 'restore'] as const) {
      expect(glanceAtWorkload(app).busy).toEqual([]);
      const end = beginBackupWork(app, kind);
      expect([glanceAtWorkload(app).busy, glanceAtWorkload(other).busy]).toEqual([['backup'], []]);
      end();
      end();
      expect(glanceAtWorkload(app).busy).toEqual([]);
    }
  });

  it('belong to their instance, and leave files of the application', () => {
    const [app, next] = [instance('crm'), instance('crm')];
    const end = beginBackupWork(app, 'backup');
    expect([isBackingUp(app), isBackingUp(next), hasBackupWork('crm'), hasBackupWork('shop')]).toEqual([
      ...[true, false, true, false],
    ]);
    end();
    expect(hasBackupWork('crm')).toBe(false);
  });

  it.each(['backup', 'restore'] as const)('are one %s at a time in each application', (kind) => {
    const app = instance('crm');
    const ends = [beginBackupWork(app, 'restore'), beginBackupWork(app, 'backup')];
    const again = () => beginBackupWork(instance('crm'), kind);
    const busy = expect.objectContaining({ code: 'APP_ARCHIVE_BUSY', status: 409 }) as Error;
    expect(again).toThrow(busy);
    expect(() => assertNoBackupWork('crm', kind)).toThrow(busy);
    assertNoBackupWork('shop', kind);
    ends.push(beginBackupWork(instance('shop'), kind));
    for (const end of ends) end();
    assertNoBackupWork('crm', kind);
    again()();
  });
});

import type { Application } from '@nocobase/server';
import { beginRestore, takeRestored } from '../../server/lifecycle/restored-contents';

describe('the note of a restore', () => {
  const instance = () => ({}) as Application;

  it('is taken once', () => {
    const app = instance();
    beginRestore(app);
    expect([takeRestored(app), takeRestored(app), takeRestored(instance())]).toEqual([true, false, false]);
  });

  it('goes when the backup is refused', () => {
    const app = instance();
    beginRestore(app)();
    expect(takeRestored(app)).toBe(false);
  });

  it('of a running restore stays when another backup is refused, whichever began first', () => {
    const [first, second] = [instance(), instance()];
    beginRestore(first);
    beginRestore(first)();
    const refuse = beginRestore(second);
    beginRestore(second);
    refuse();
    expect([takeRestored(first), takeRestored(second)]).toEqual([true, true]);
  });
});

import { dialogAfter, type DialogChange, type Opening } from '../../../client/hooks/use-dialog';

const after = (...changes: DialogChange<string>[]) =>
  changes.reduce<Opening<string>>(dialogAfter<string>, { serial: 0, open: false });

describe('a place for dialogs', () => {
  const open = (subject: string) => ({ kind: 'open', subject }) as const;

  it('shows one until it has closed, and then nothing', () => {
    expect(after(open('edit'))).toEqual({ serial: 1, open: true, subject: 'edit' });
    expect(after(open('edit'), { kind: 'close', serial: 1 })).toEqual({ serial: 1, open: false, subject: 'edit' });
    expect(after(open('edit'), { kind: 'close', serial: 1 }, { kind: 'closed', serial: 1 }).subject).toBeUndefined();
  });

  it('counts each opening, so that nothing of an earlier one is left', () => {
    const closed = [
      { kind: 'close', serial: 1 },
      { kind: 'closed', serial: 1 },
    ] as const;
    expect(after(open('edit'), ...closed, open('edit')).serial).toBe(2);
    expect(after(open('edit'), open('edit')).serial).toBe(2);
  });

  it('leaves the one that is shown alone when an earlier one is done', () => {
    const shown = { serial: 2, open: true, subject: 'create' };
    for (const kind of ['close', 'closed'] as const) {
      expect(after(open('delete'), open('create'), { kind, serial: 1 })).toEqual(shown);
    }
    // It was opened again before it had closed.
    expect(after(open('create'), { kind: 'closed', serial: 1 })).toMatchObject({ open: true, subject: 'create' });
  });
});

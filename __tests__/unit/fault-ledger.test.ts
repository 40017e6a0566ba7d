import type { Fault } from '../../server/lifecycle/fault-fence';
import { FaultLedger } from '../../server/lifecycle/fault-ledger';

const [first, second] = [{ instance: 1 }, { instance: 2 }];

const fault = (more: Partial<Fault> = {}): Fault => ({
  app: 'crm',
  kind: 'exception',
  error: new TypeError('Planted-4712'),
  at: 1_000_000,
  instance: first,
  ...more,
});

const ledger = (max = 3) => new FaultLedger(() => ({ max, withinMs: 60_000 }));

describe('the ledger of faults', () => {
  it('says how many, and of the last the kind, but not what it said', () => {
    const book = ledger();
    expect(book.summary('crm')).toBeUndefined();
    book.note(fault());
    book.note(fault({ error: Object.assign(new Error('Planted-4712'), { code: 'ECONNRESET' }), at: 1_000_001 }));
    expect(book.summary('crm')).toEqual({
      count: 2,
      last: { kind: 'exception', error: 'Error ECONNRESET', at: 1_000_001 },
    });
    expect(book.summary('shop')).toBeUndefined();
    book.forget('crm');
    expect(book.summary('crm')).toBeUndefined();
  });

  it.each([undefined, null, 'Planted-4712', { name: 'not a name', code: {} }])(
    'takes %p for an error, too',
    (error) => {
      const book = ledger();
      book.note(fault({ error }));
      expect(book.summary('crm')?.last.error).not.toContain('Planted');
    },
  );

  it('finds more exceptions than are borne too many, once', () => {
    const book = ledger();
    const verdicts = Array.from({ length: 8 }, () => book.note(fault()).tooMany);
    expect(verdicts).toEqual([false, false, false, true, false, false, false, true]);
  });

  it.each<[string, Partial<Fault>]>([
    ['rejections', { kind: 'rejection' }],
    ['what a former instance has left behind', { instance: undefined }],
  ])('bears any number of %s', (_name, more) => {
    const book = ledger();
    expect(Array.from({ length: 50 }, () => book.note(fault(more)).tooMany)).not.toContain(true);
    expect(book.summary('crm')?.count).toBe(50);
  });

  it('bears as many of each new instance', () => {
    const book = ledger();
    for (let index = 0; index < 3; index += 1) expect(book.note(fault()).tooMany).toBe(false);
    for (let index = 0; index < 3; index += 1) expect(book.note(fault({ instance: second })).tooMany).toBe(false);
    expect(book.note(fault({ instance: second })).tooMany).toBe(true);
  });

  it('counts each application for itself', () => {
    const book = ledger();
    for (let index = 0; index < 3; index += 1) book.note(fault());
    expect(book.note(fault({ app: 'shop' })).tooMany).toBe(false);
    expect(book.note(fault()).tooMany).toBe(true);
  });

  it('writes twenty a minute to the log, and then how many were left out', () => {
    const book = ledger(0);
    const logs = Array.from({ length: 100 }, () => book.note(fault()).log);
    expect(logs.filter((log) => log === 0)).toHaveLength(20);
    expect(logs.slice(20)).toEqual(Array(80).fill(undefined));
    expect(book.note(fault({ at: 1_060_001 })).log).toBe(80);
    expect(book.note(fault({ at: 1_060_002 })).log).toBe(0);
  });
});

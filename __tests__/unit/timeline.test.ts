import type { Application } from '@nocobase/server';
import { EVENTS_KEPT, Timeline } from '../../server/timeline';
import { SYSTEM, type AppEvent } from '../../src/events';

type Row = AppEvent & { id: number };

interface Pruned {
  application: string;
  type: { $in?: string[]; $notIn?: string[] };
}
const isOf = ({ type }: Row, { type: { $in, $notIn } }: Pruned) =>
  $in ? $in.includes(type) : !($notIn as string[]).includes(type);

/** The table, as much of it as the timeline touches; `away` lets every statement fail. */
class Table {
  rows: Row[] = [];
  away = false;
  /** The reason of an event that is not taken. */
  refused?: string;
  readonly warnings: string[] = [];
  private nextId = 1;

  readonly mainApp = () =>
    ({
      log: { warn: (text: string) => void this.warnings.push(text) },
      db: {
        getModel: () => ({ bulkCreate: (rows: AppEvent[]) => this.insert(rows) }),
        getRepository: () => ({
          findAndCount: ({ filter, limit, offset }: { filter: Partial<Row>; limit: number; offset: number }) => {
            const found = this.of(filter.application).map((row) => ({ toJSON: () => row }));
            return Promise.resolve([found.slice(offset, offset + limit), found.length]);
          },
          findOne: ({ filter, offset }: { filter: Pruned; offset: number }) => {
            const row = this.of(filter.application).filter((one) => isOf(one, filter))[offset];
            return Promise.resolve(row && { get: (key: keyof Row) => row[key] });
          },
          destroy: ({ filter }: { filter: Pruned & { id: { $lte: number } } }) => {
            const goes = (row: Row) =>
              row.application === filter.application && isOf(row, filter) && row.id <= filter.id.$lte;
            this.rows = this.rows.filter((row) => !goes(row));
            return Promise.resolve();
          },
        }),
      },
    }) as unknown as Application;

  private insert(rows: AppEvent[]): Promise<void> {
    if (this.away) return Promise.reject(Object.assign(new Error('away'), { name: 'SequelizeConnectionRefusedError' }));
    if (rows.some(({ reason }) => reason !== undefined && reason === this.refused)) {
      return Promise.reject(Object.assign(new Error('not taken'), { name: 'SequelizeDatabaseError' }));
    }
    this.rows.push(...rows.map((row) => ({ ...row, id: this.nextId++ })));
    return Promise.resolve();
  }

  private of(application?: string): Row[] {
    return this.rows.filter((row) => row.application === application).reverse();
  }
}

const event = (reason: string, application = 'crm'): AppEvent => ({
  application,
  type: 'slept',
  at: Date.now(),
  by: SYSTEM,
  reason,
});

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('Timeline', () => {
  it('writes a moment later, all at once', async () => {
    const table = new Table();
    const timeline = new Timeline(table.mainApp);
    for (const reason of ['a', 'b']) timeline.tell(event(reason));
    expect(table.rows).toEqual([]);
    await jest.advanceTimersByTimeAsync(300);
    expect(table.rows.map(({ reason }) => reason)).toEqual(['a', 'b']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is read up to the last word, newest first', async () => {
    const timeline = new Timeline(new Table().mainApp);
    for (const reason of ['a', 'b', 'c']) timeline.tell(event(reason));
    timeline.tell(event('other', 'erp'));
    const { rows, count } = await timeline.list('crm', { limit: 2 });
    expect([rows.map(({ reason }) => reason), count]).toEqual([['c', 'b'], 3]);
  });

  it('keeps what cannot be written, in order, and writes it when the database is back', async () => {
    const table = new Table();
    const timeline = new Timeline(table.mainApp);
    table.away = true;
    timeline.tell(event('a'));
    await jest.advanceTimersByTimeAsync(1_000);
    timeline.tell(event('b'));
    await timeline.flush();
    table.away = false;
    await jest.advanceTimersByTimeAsync(300);
    expect(table.rows.map(({ reason }) => reason)).toEqual(['a', 'b']);
  });

  it('is bounded while the database is away', async () => {
    const table = new Table();
    const timeline = new Timeline(table.mainApp);
    table.away = true;
    for (let n = 0; n < 2_500; n += 1) timeline.tell(event(String(n)));
    await timeline.flush();
    table.away = false;
    await timeline.flush();
    expect(table.rows.length).toBeLessThanOrEqual(2_000);
    expect(table.rows.at(-1)?.reason).toBe('2499');
  });

  it('is bounded for each application', async () => {
    const table = new Table();
    const timeline = new Timeline(table.mainApp);
    timeline.tell(event('only one', 'erp'));
    for (let n = 0; n < 500; n += 1) {
      timeline.tell(event(String(n)));
      await timeline.flush();
    }
    const { count } = await timeline.list('crm', { limit: 1 });
    expect(count).toBeGreaterThanOrEqual(EVENTS_KEPT);
    expect(count).toBeLessThan(EVENTS_KEPT + 20);
    expect((await timeline.list('erp', { limit: 10 })).count).toBe(1);
  });

  it('keeps what somebody did, however often an application wakes and sleeps', async () => {
    const table = new Table();
    const timeline = new Timeline(table.mainApp);
    timeline.tell({ ...event('by hand'), type: 'updated' });
    for (let n = 0; n < 500; n += 1) {
      timeline.tell(event(String(n)));
      await timeline.flush();
    }
    expect(table.rows.filter(({ type }) => type === 'updated')).toHaveLength(1);
  });

  it('loses one that the database refuses, says so, and writes the others', async () => {
    const table = new Table();
    const timeline = new Timeline(table.mainApp);
    table.refused = 'b';
    for (const reason of ['a', 'b', 'c']) timeline.tell(event(reason));
    await timeline.flush();
    expect(table.rows.map(({ reason }) => reason)).toEqual(['a', 'c']);
    timeline.tell(event('b'));
    await timeline.flush();
    timeline.tell(event('d'));
    await timeline.flush();
    expect(table.rows.map(({ reason }) => reason)).toEqual(['a', 'c', 'd']);
    expect(table.warnings).toEqual([expect.stringMatching(/refused.*not taken/), expect.stringMatching(/refused/)]);
  });

  it('takes no more of a sentence than anybody reads', async () => {
    const table = new Table();
    const timeline = new Timeline(table.mainApp);
    timeline.tell({ ...event('long'), message: 'x'.repeat(1_000_000) });
    await timeline.flush();
    expect(table.rows[0]?.message).toHaveLength(4_000);
  });
});

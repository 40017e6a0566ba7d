import type { Application } from '@nocobase/server';
import { EVENTS_KEPT, Timeline } from '../../server/timeline';
import { SYSTEM, type AppEvent } from '../../src/events';

type Row = AppEvent & { id: number };

/** The table, as much of it as the timeline touches; `away` lets every statement fail. */
class Table {
  rows: Row[] = [];
  away = false;
  private nextId = 1;

  readonly mainApp = () =>
    ({
      log: { warn: () => undefined },
      db: {
        getModel: () => ({ bulkCreate: (rows: AppEvent[]) => this.insert(rows) }),
        getRepository: () => ({
          findAndCount: ({ filter, limit, offset }: { filter: Partial<Row>; limit: number; offset: number }) => {
            const found = this.of(filter.application).map((row) => ({ toJSON: () => row }));
            return Promise.resolve([found.slice(offset, offset + limit), found.length]);
          },
          findOne: ({ filter, offset }: { filter: Partial<Row>; offset: number }) => {
            const row = this.of(filter.application)[offset];
            return Promise.resolve(row && { get: (key: keyof Row) => row[key] });
          },
          destroy: ({ filter }: { filter: { application: string; id: { $lte: number } } }) => {
            this.rows = this.rows.filter((row) => row.application !== filter.application || row.id > filter.id.$lte);
            return Promise.resolve();
          },
        }),
      },
    }) as unknown as Application;

  private insert(rows: AppEvent[]): Promise<void> {
    if (this.away) return Promise.reject(new Error('away'));
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
});

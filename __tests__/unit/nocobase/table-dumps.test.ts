import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Application } from '@nocobase/server';
import { boundResults, PacketCounter, withDumpBound } from '../../../server/databases/row-limit';
import { widenDumper, widenDumps } from '../../../server/nocobase/table-dumps';

const DUMP_ROWS = 1_000_000;

/** A connection in the form of `pg`. Each of its statements returns this number of rows. */
function connect(rows: number) {
  const stream = Object.assign(new EventEmitter(), { destroy: jest.fn() });
  const wire = Object.assign(new EventEmitter(), { stream: stream as unknown as Socket });
  const query = jest.fn(() => {
    for (let row = 0; row < rows; row += 1) wire.emit('dataRow');
    wire.emit('readyForQuery');
    return Promise.resolve();
  });
  const client = { connection: wire, query };
  expect(boundResults(client, () => undefined)).toBe(true);
  return { client, isClosed: () => stream.destroy.mock.calls.length > 0 };
}

const dumperOf = (client: { query: () => Promise<void> }) => {
  class Dumper {
    async dumpCollection(): Promise<string> {
      await client.query();
      return 'dumped';
    }
  }
  widenDumper(Dumper, withDumpBound);
  widenDumper(Dumper, withDumpBound);
  return new Dumper();
};

describe('a dump of the plugin backup-restore', () => {
  it('may read tables that are too large for other statements', async () => {
    const { client, isClosed } = connect(DUMP_ROWS);
    expect(await dumperOf(client).dumpCollection()).toBe('dumped');
    expect(isClosed()).toBe(false);
    await client.query();
    expect(isClosed()).toBe(true);
  });

  it('has a bound as well', async () => {
    const { client, isClosed } = connect(DUMP_ROWS + 1);
    await dumperOf(client).dumpCollection();
    expect(isClosed()).toBe(true);
    await expect(client.query()).rejects.toMatchObject({ code: 'APP_VALUE_INVALID' });
  });

  const appWith = (plugins: string[]) => {
    const warn = jest.fn();
    const get = (name: string) => (plugins.includes(name) ? {} : undefined);
    return { warn, app: { pm: { get }, log: { warn } } as unknown as Application };
  };

  it('is that of the installed NocoBase', () => {
    const { app, warn } = appWith(['backup-restore']);
    widenDumps(app, withDumpBound);
    expect(warn).not.toHaveBeenCalled();
  });

  it('that is another one is told in the log', () => {
    const { app, warn } = appWith(['backup-restore']);
    widenDumps(app, withDumpBound, () => ({ Dumper: class {} }));
    expect(warn).toHaveBeenCalledTimes(1);
    widenDumps(appWith([]).app, withDumpBound, () => {
      throw new Error('it is not asked for');
    });
  });
});

describe('packets of MySQL', () => {
  it('are counted, however the stream is cut', () => {
    const lengths = [0, 1, 300, 70_000, 5];
    const bytes = Buffer.concat(
      lengths.map((length) => {
        const header = Buffer.from([length & 255, (length >> 8) & 255, length >> 16, 1]);
        return Buffer.concat([header, Buffer.alloc(length, 255)]);
      }),
    );
    for (const size of [1, 2, 3, 7, 4096, bytes.length]) {
      const packets = new PacketCounter();
      let count = 0;
      for (let at = 0; at < bytes.length; at += size) count += packets.add(bytes.subarray(at, at + size));
      expect(count).toBe(lengths.length);
    }
  });

  it('of an unknown driver are not counted', () => {
    expect(boundResults({ query: () => undefined }, () => undefined)).toBe(false);
  });
});

import { StorageMeter } from '../../../server/limits/storage-meter';
import type { Limits } from '../../../src/policies/limits';

const MB = 2 ** 20;

/** An application with a limit of 10 MB, and a database that takes what the test says. */
function world() {
  const record = { name: 'storage-meter-test', startMode: 'lazy' as const, options: {} };
  const at = { bytes: MB };
  const meter = new StorageMeter(
    {
      registry: { get: () => record, all: () => [record] },
      places: { size: () => Promise.resolve(at.bytes) },
      runners: new Map(),
    },
    () => ({ storage: 10 }) as Limits,
  );
  return { meter, at, name: record.name };
}

describe('storage meter: an upload under way', () => {
  it('counts from its beginning, and is given back when it fails', async () => {
    const { meter, name } = world();
    const upload = await meter.begin(name, 4 * MB);
    expect(meter.usage(name)).toBe(5 * MB);
    upload?.end(false);
    expect(meter.usage(name)).toBe(MB);
    meter.stop();
  });

  it('counts once when it is measured while it arrives', async () => {
    const { meter, at, name } = world();
    let arrived = 0;
    const upload = await meter.begin(name, 6 * MB, () => arrived);
    arrived = 4 * MB;
    // It is on the disk as far as it has arrived.
    at.bytes = 5 * MB;
    await meter.measure(name);
    expect(meter.usage(name)).toBe(7 * MB);
    upload?.end(true);
    expect(meter.usage(name)).toBe(7 * MB);
    meter.stop();
  });

  it('does not grow after its end', async () => {
    const { meter, name } = world();
    const upload = await meter.begin(name, MB);
    upload?.end(true);
    expect(upload?.grow(20 * MB)).toBe(true);
    expect(meter.usage(name)).toBe(2 * MB);
    meter.stop();
  });

  it('is forgotten with its application', async () => {
    const { meter, name } = world();
    await meter.begin(name, 4 * MB);
    meter.forget(name);
    expect(meter.usage(name)).toBeUndefined();
    await meter.measure(name);
    expect(meter.usage(name)).toBe(MB);
    meter.stop();
  });
});

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  fileStamp,
  forgetPackages,
  PackageMemo,
  packageStamp,
  packageStampOf,
} from '../../server/lifecycle/fast-start/memo';
import { methodPatch, shapeOf } from '../../server/lifecycle/fast-start/method-patch';

describe('what is known of a package', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'app-supervisor-memo-'));
  const modules = path.join(folder, 'node_modules');
  const place = path.join(modules, 'one');
  const within = path.join(place, 'dist', 'server', 'collections');
  const modulesBefore = process.env.NODE_MODULES_PATH;

  const install = (version: string) => {
    mkdirSync(within, { recursive: true });
    const file = path.join(place, 'package.json');
    writeFileSync(`${file}.new`, JSON.stringify({ name: 'one', version }));
    renameSync(`${file}.new`, file);
  };

  beforeEach(() => {
    process.env.NODE_MODULES_PATH = modules;
    rmSync(modules, { recursive: true, force: true });
    install('1.0.0');
  });

  afterAll(() => {
    if (modulesBefore === undefined) delete process.env.NODE_MODULES_PATH;
    else process.env.NODE_MODULES_PATH = modulesBefore;
    rmSync(folder, { recursive: true, force: true });
    forgetPackages();
  });

  /** A memo whose values tell how often they were computed. */
  const counting = (limit = 10) => {
    const memo = new PackageMemo<number>(limit);
    let computed = 0;
    return (key = 'one') => memo.get(key, packageStamp(within), () => Promise.resolve((computed += 1)));
  };

  it('is computed once while the package lies there unchanged', async () => {
    const get = counting();
    expect([await get(), await get(), await get()]).toEqual([1, 1, 1]);
    expect(packageStampOf('one')).toBe(packageStamp(within));
  });

  it('is computed by one for all who ask at the same time', async () => {
    const get = counting();
    expect(await Promise.all([get(), get(), get()])).toEqual([1, 1, 1]);
  });

  it('is computed anew after an update, also to a version of the same length', async () => {
    const get = counting();
    expect(await get()).toBe(1);
    install('1.0.1');
    expect([await get(), await get()]).toEqual([2, 2]);
  });

  it('is not kept of a package that was removed, and computed anew when it is there again', async () => {
    const get = counting();
    expect(await get()).toBe(1);
    rmSync(place, { recursive: true });
    expect(packageStampOf('one')).toBeUndefined();
    expect(packageStamp(within)).toBeUndefined();
    expect([await get(), await get()]).toEqual([2, 3]);
    install('1.0.0');
    expect([await get(), await get()]).toEqual([4, 4]);
  });

  it('is dropped altogether when packages are forgotten, also what is being computed', async () => {
    const get = counting();
    const first = get();
    forgetPackages();
    expect([await first, await get(), await get()]).toEqual([1, 2, 2]);
  });

  it('never is a failure', async () => {
    const memo = new PackageMemo<number>(10);
    const stamp = packageStamp(within);
    await expect(memo.get('one', stamp, () => Promise.reject(new Error('disk')))).rejects.toThrow('disk');
    expect(await memo.get('one', stamp, () => Promise.resolve(1))).toBe(1);
  });

  it('is bounded: the oldest goes first', async () => {
    const get = counting(2);
    await get('one');
    await get('two');
    await get('three');
    expect([await get('two'), await get('three'), await get('one')]).toEqual([2, 3, 4]);
  });

  it('does not go beyond the folder of modules, nor beyond what is there', () => {
    writeFileSync(path.join(folder, 'package.json'), '{}');
    mkdirSync(path.join(modules, 'bare', 'dist'), { recursive: true });
    expect(packageStamp(path.join(modules, 'bare', 'dist'))).toBeUndefined();
    expect(fileStamp(path.join(modules, 'nothing'))).toBeUndefined();
  });
});

describe('the replacement of a shared method', () => {
  class Shared {
    constructor(private readonly name: string) {}
    greet(whom: string): string {
      return `${this.name} greets ${whom}`;
    }
  }
  const { greet } = Shared.prototype;
  type Greet = (this: Shared, whom: string) => string;
  const patchOf = (shapes: string[], owner: () => object | undefined = () => Shared.prototype) =>
    methodPatch<Greet>(
      'greeting',
      owner,
      'greet',
      shapes,
      (original) =>
        function (whom) {
          return `${original.call(this, whom)}, again`;
        },
    );
  const said = () => new Shared('Ann').greet('Bob');

  afterEach(() => {
    Shared.prototype.greet = greet;
  });

  it('is in force from install to uninstall, and can be repeated', () => {
    const patch = patchOf([shapeOf(greet)]);
    for (let round = 0; round < 2; round += 1) {
      expect([patch.install('2.2.15'), patch.install('2.2.15')]).toEqual([true, true]);
      expect(said()).toBe('Ann greets Bob, again');
      patch.uninstall();
      patch.uninstall();
      expect(Shared.prototype.greet).toBe(greet);
    }
  });

  it.each(['2.1.41', '2.3.0', '2.20.1', '3.2.2', ''])('is refused for version %p', (version) => {
    expect(patchOf([shapeOf(greet)]).install(version)).toBe(false);
    expect(Shared.prototype.greet).toBe(greet);
  });

  it('is refused where the method is another one, or none', () => {
    expect(patchOf([shapeOf(() => 1)]).install('2.2.15')).toBe(false);
    expect(patchOf([shapeOf(greet)], () => ({ greet: 'text' })).install('2.2.15')).toBe(false);
    expect(patchOf([shapeOf(greet)], () => ({})).install('2.2.15')).toBe(false);
    expect(patchOf([shapeOf(greet)], () => undefined).install('2.2.15')).toBe(false);
    expect(said()).toBe('Ann greets Bob');
  });

  it('steps back without disturbing whoever has wrapped it meanwhile', () => {
    const patch = patchOf([shapeOf(greet)]);
    patch.install('2.2.15');
    const replaced = Shared.prototype.greet;
    Shared.prototype.greet = function (whom) {
      return `${replaced.call(this, whom)}!`;
    };
    expect(said()).toBe('Ann greets Bob, again!');
    patch.uninstall();
    expect(said()).toBe('Ann greets Bob!');
    expect(patch.install('2.2.15')).toBe(true);
    expect(said()).toBe('Ann greets Bob, again!');
    patch.uninstall();
  });
});

import fc from 'fast-check';
import { compareVersions, upgradeOrder, type StoredVersions } from '../../../src/policies/upgrade-plan';

const installed = (core: string, plugins: Record<string, string> = {}) => ({
  core,
  plugins: new Map(Object.entries(plugins)),
});
const stored = (core: string | null, plugins: Record<string, string | null> = {}): StoredVersions => ({
  core,
  plugins: Object.entries(plugins).map(([packageName, version]) => ({ packageName, version })),
});

describe('NocoBase alone', () => {
  it.each([
    ['2.2.15', '2.2.15', 'current'],
    ['2.2.14', '2.2.15', 'behind'],
    ['2.2.9', '2.2.15', 'behind'],
    ['1.9.40', '2.0.0', 'behind'],
    ['2.2.16', '2.2.15', 'newer'],
    ['2.10.0', '2.9.9', 'newer'],
    ['3.0.0', '2.99.99', 'newer'],
    ['2.3.0-beta.4', '2.3.0', 'behind'],
    ['2.3.0', '2.3.0-beta.4', 'newer'],
    ['2.3.0-alpha.20250901', '2.3.0-alpha.20251001', 'behind'],
    ['2.3.0-alpha.9', '2.3.0-alpha.10', 'behind'],
    ['2.3.0-alpha', '2.3.0-alpha.1', 'behind'],
    ['2.3.0-beta.1', '2.3.0-alpha.9', 'newer'],
    ['2.3.0-1', '2.3.0-alpha', 'behind'],
    ['2.2.15+build.7', '2.2.15', 'current'],
    ['v2.2.15', '2.2.15', 'current'],
    [null, '2.2.15', 'behind'],
    ['', '2.2.15', 'behind'],
    ['something', '2.2.15', 'behind'],
    ['99999999999.0.0', '2.2.15', 'behind'],
  ])('%s in the database, %s here: %s', (from, to, state) => {
    expect(compareVersions(stored(from), installed(to))).toMatchObject({ state, from, to });
  });

  it('is not installed where there is nothing', () => {
    expect(compareVersions(undefined, installed('2.2.15'))).toEqual({
      state: 'not_installed',
      from: null,
      to: '2.2.15',
      plugins: [],
      ahead: [],
    });
  });
});

describe('the plugins', () => {
  const here = installed('2.2.15', { a: '1.2.0', b: '0.3.0' });
  it.each([
    ['the same', { a: '1.2.0', b: '0.3.0' }, 'current', [], []],
    ['one older', { a: '1.1.9', b: '0.3.0' }, 'behind', ['a'], []],
    ['one without a version', { a: '1.2.0', b: null }, 'behind', ['b'], []],
    ['one newer: taken back here', { a: '1.3.0', b: '0.3.0' }, 'current', [], ['a']],
    ['one older, one newer', { a: '1.3.0', b: '0.2.0' }, 'behind', ['b'], ['a']],
    ['one that is not installed here', { a: '1.2.0', gone: '5.0.0' }, 'current', [], []],
    ['none', {}, 'current', [], []],
  ])('%s', (_what, plugins, state, older, newer) => {
    const verdict = compareVersions(stored('2.2.15', plugins), here);
    expect(verdict.state).toBe(state);
    expect(verdict.plugins.map(({ packageName }) => packageName)).toEqual(older);
    expect(verdict.ahead.map(({ packageName }) => packageName)).toEqual(newer);
  });

  it('tell from which version to which', () => {
    const { plugins } = compareVersions(stored('2.2.15', { a: '1.0.0', b: null }), here);
    expect(plugins).toEqual([
      { packageName: 'a', from: '1.0.0', to: '1.2.0' },
      { packageName: 'b', from: null, to: '0.3.0' },
    ]);
  });

  it('do not matter where NocoBase itself is newer', () => {
    expect(compareVersions(stored('2.3.0', { a: '1.0.0' }), here)).toMatchObject({ state: 'newer', plugins: [] });
  });
});

const version = fc
  .tuple(
    fc.array(fc.nat(30), { minLength: 3, maxLength: 3 }),
    fc.array(fc.oneof(fc.nat(12).map(String), fc.constantFrom('alpha', 'beta', 'rc')), { maxLength: 3 }),
  )
  .map(([numbers, pre]) => numbers.join('.') + (pre.length ? `-${pre.join('.')}` : ''));

describe('any two versions', () => {
  it('are the same, or one is behind the other', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const states = [
          compareVersions(stored(a), installed(b)).state,
          compareVersions(stored(b), installed(a)).state,
        ].sort();
        expect(states).toEqual(a === b ? ['current', 'current'] : ['behind', 'newer']);
      }),
    );
  });

  it('are the same after an upgrade, which writes what is installed', () => {
    const plugins = fc.dictionary(fc.constantFrom('a', 'b', 'c'), version);
    fc.assert(
      fc.property(version, plugins, (core, versions) => {
        const { state, ahead } = compareVersions(stored(core, versions), installed(core, versions));
        expect([state, ahead]).toEqual(['current', []]);
      }),
    );
  });
});

describe('the order of an upgrade', () => {
  const app = (name: string, more: object = {}) => ({
    name,
    eager: false,
    running: false,
    stopped: false,
    lastActiveAt: 0,
    ...more,
  });

  it('begins with what runs, then what is kept awake, then what was used last; what is stopped comes last', () => {
    const order = upgradeOrder([
      app('stopped', { stopped: true, lastActiveAt: 9, eager: true }),
      app('old', { lastActiveAt: 1 }),
      app('b'),
      app('a'),
      app('recent', { lastActiveAt: 2 }),
      app('eager', { eager: true }),
      app('running', { running: true }),
    ]);
    expect(order).toEqual(['running', 'eager', 'recent', 'old', 'a', 'b', 'stopped']);
  });
});

import fc from 'fast-check';
import {
  canonical,
  installedEnvironment,
  installedOptions,
  readMark,
  surplusTemplates,
  templateName,
  type FoundTemplate,
  type TemplateMark,
} from '../../../src/policies/template-plan';

const owner = { oid: '16384', schema: 'public' };

function mark(values: Partial<TemplateMark> = {}): TemplateMark {
  return {
    ...{ by: 'nocobase-plugin-app-supervisor', state: 'ready', owner: '16384/public' },
    ...{ core: '2.2.15', plugins: [], madeAt: '2026-01-01T00:00:00.000Z' },
    ...values,
  };
}

describe('the mark of a template', () => {
  it('is read as it was written', () => {
    const written = mark({ plugins: [{ packageName: '@nocobase/plugin-users', version: '2.2.15' }] });
    expect(readMark(JSON.stringify(written))).toEqual(written);
  });

  it.each([
    ['nothing', null],
    ['an empty comment', ''],
    ["somebody's comment", 'do not touch'],
    ['another list', '[]'],
    ['the mark of an application', 'nocobase-plugin-app-supervisor:0f4c'],
    ['one by another maker', JSON.stringify({ ...mark(), by: 'somebody' })],
    ['one that is not ready', JSON.stringify({ ...mark(), state: 'building' })],
    ['one without an owner', JSON.stringify({ ...mark(), owner: undefined })],
    ['one without plugins', JSON.stringify({ ...mark(), plugins: null })],
  ])('is not %s', (_what, comment) => {
    expect(readMark(comment)).toBeUndefined();
  });

  it('is no text that anybody writes by chance', () => {
    fc.assert(fc.property(fc.string(), (text) => readMark(text) === undefined));
  });
});

describe('what a kind of applications has in common', () => {
  it('is the same in whatever order it is written, and tells different values apart', () => {
    expect(canonical({ a: 1, b: [{ d: 2, c: 'x' }], e: undefined })).toBe(canonical({ b: [{ c: 'x', d: 2 }], a: 1 }));
    expect(canonical({ a: ['1'] })).not.toBe(canonical({ a: [1] }));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        return canonical(value) === canonical(turned) && (JSON.parse(canonical(value)) as unknown) !== undefined;
      }),
    );
  });

  it('is what leaves a trace in its tables', () => {
    const plugins = ['error-handler', ['field-sort', { a: 1 }]];
    const common = { plugins };
    expect(installedOptions({ ...common, dbConnType: 'new_database', database: { database: 'crm' } })).toEqual(common);
    expect(installedOptions({ ...common, lang: 'de-DE', autoStart: true, authManager: { jwt: {} } })).toEqual(common);
    expect(installedOptions({ ...common, database: { database: 'crm', underscored: true } })).toEqual({
      plugins,
      database: { underscored: true },
    });
    expect(installedOptions({ ...common, whatever: 1 })).toEqual({ plugins, whatever: 1 });
  });

  it('is what the environment tells an installation, without the first account of the main application', () => {
    expect(
      installedEnvironment({
        ...{ INIT_APP_LANG: 'zh-CN', APPEND_PRESET_LOCAL_PLUGINS: 'x', LOCAL_STORAGE_DEST: '/srv', AWS_S3_BUCKET: 'b' },
        ...{ INIT_ROOT_PASSWORD: 'Planted-4712', DB_PASSWORD: 'Planted-4712', PATH: '/bin', APP_KEY: 'k' },
      }),
    ).toEqual({
      ...{ INIT_APP_LANG: 'zh-CN', APPEND_PRESET_LOCAL_PLUGINS: 'x', LOCAL_STORAGE_DEST: '/srv', AWS_S3_BUCKET: 'b' },
    });
  });
});

describe('the name of a template', () => {
  it('is short enough for PostgreSQL, whatever the number of its database', () => {
    const name = templateName({ oid: '4294967295', schema: 'a'.repeat(63) }, 'f'.repeat(64));
    expect(name).toMatch(/^app_supervisor_template_4294967295_f+$/);
    expect(name.length).toBeLessThanOrEqual(63);
  });
});

describe('templates that are to be dropped', () => {
  const named = (hash: string, oid = '16384') => `app_supervisor_template_${oid}_${hash}`;
  const oids = new Set(['1', '16384', '20000']);
  const found = (hash: string, values?: Partial<TemplateMark>, oid?: string): FoundTemplate => ({
    name: named(hash, oid),
    ...(values && { mark: mark(values) }),
  });
  const surplus = (list: FoundTemplate[], here: string[], max?: number) =>
    surplusTemplates(list, owner, new Set(here.map((hash) => named(hash))), oids, max);

  it('are half-built ones and those of other versions, not those in use', () => {
    expect(surplus([found('a', {}), found('b'), found('c', { core: '2.1.0' })], ['a'])).toEqual([
      named('b'),
      named('c'),
    ]);
  });

  it('are the oldest beyond the limit', () => {
    const list = ['a', 'b', 'c', 'd'].map((hash, day) => found(hash, { madeAt: `2026-01-0${day + 1}T00:00:00.000Z` }));
    expect(surplus(list, ['a', 'b', 'c', 'd'])).toEqual([named('a')]);
    expect(surplus(list, ['a', 'b', 'c', 'd'], 1)).toEqual([named('a'), named('b'), named('c')]);
  });

  it('are never those of another main application, while its database is there', () => {
    const others = [
      found('a', { owner: '20000/public' }, '20000'),
      found('b', undefined, '20000'),
      found('c', { owner: '16384/second' }),
      { name: 'app_supervisor_template_mine' },
    ];
    expect(surplus(others, [])).toEqual([]);
  });

  it('are those of a main application that is gone, half-built ones too', () => {
    expect(surplus([found('a', { owner: '99/public' }, '99'), found('b', undefined, '99')], [])).toEqual([
      named('a', '99'),
      named('b', '99'),
    ]);
  });
});

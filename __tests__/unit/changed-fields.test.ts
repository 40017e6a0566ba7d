import { changedFields } from '../../server/changed-fields';

describe('the fields that an update has changed', () => {
  it('are named, without their values', () => {
    expect(changedFields({ displayName: 'A', cname: null }, { displayName: 'B', cname: 'b.test' })).toEqual([
      'displayName',
      'cname',
    ]);
  });

  it('are none where the same is said in another way', () => {
    const before = { hidden: null, pinned: undefined, icon: '', options: { a: { b: [1, 2] } } };
    expect(changedFields(before, { hidden: false, pinned: false, icon: null, options: { a: { b: [1, 2] } } })).toEqual(
      [],
    );
  });

  it('are told apart within options, three names deep', () => {
    const before = { options: { lang: 'en-US', authManager: { jwt: { expiresIn: '1d' } }, gone: 1 } };
    const after = { options: { lang: 'zh-CN', authManager: { jwt: { expiresIn: '2d' } }, come: { x: 1 } } };
    expect(changedFields(before, after)).toEqual([
      ...['options.lang', 'options.authManager.jwt', 'options.gone', 'options.come'],
    ]);
  });
});

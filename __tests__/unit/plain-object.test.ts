import fc from 'fast-check';
import { mergePatch } from '../../src/plain-object';

const json = fc.dictionary(fc.string(), fc.jsonValue());

describe('a merge patch', () => {
  it('changes what it names, takes away what it calls null, and leaves the rest', () => {
    const before = { a: 'b', c: { d: 'e', f: 'g' }, h: [1] };
    expect(mergePatch(before, { a: 'z', c: { f: null }, h: [2], i: { j: null } })).toEqual({
      ...{ a: 'z', c: { d: 'e' }, h: [2], i: {} },
    });
    expect(before).toEqual({ a: 'b', c: { d: 'e', f: 'g' }, h: [1] });
  });

  it('comes to the same when it is said twice, and to nothing when it is empty', () => {
    fc.assert(
      fc.property(json, json, (before, patch) => {
        const once = mergePatch(before, patch);
        expect(mergePatch(once, patch)).toEqual(once);
        expect(mergePatch(before, {})).toEqual(before);
      }),
    );
  });

  it('reaches no prototype', () => {
    mergePatch({}, JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

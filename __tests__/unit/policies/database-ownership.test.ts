import fc from 'fast-check';
import { judgeOwnership, type OwnershipVerdict } from '../../../src/policies/database-ownership';

const isMarker = (comment: string) => comment.startsWith('mark:');
const OWN = { outside: 'mark:own', inside: 'mark:in' };
const ADOPTED = { inside: 'mark:in' };
const FORMER = { outside: 'mark:own' };
const OTHER = 'mark:other';
const NOTE = 'a note of the operator';

describe('ownership of a database', () => {
  it.each<[string, object, string | null | undefined, string | null | undefined, OwnershipVerdict]>([
    ['both markers are its own', OWN, 'mark:own', 'mark:in', 'own'],
    ['nothing inside yet', OWN, 'mark:own', null, 'mark-inside'],
    ['a note instead of the marker inside', OWN, 'mark:own', NOTE, 'mark-inside'],
    ['the tables of another application in its own database', OWN, 'mark:own', OTHER, 'foreign'],
    ['a restore without the comment of the database', OWN, null, 'mark:in', 'mark-outside'],
    ['a restore into a database with a note', OWN, NOTE, 'mark:in', 'mark-outside'],
    ['its tables in the database of another application', OWN, OTHER, 'mark:in', 'foreign'],
    ['no marker at all', OWN, null, null, 'foreign'],
    ['no marker, and comments that are none', OWN, NOTE, NOTE, 'foreign'],
    ['the tables of another application', OWN, null, OTHER, 'foreign'],
    ['swapped markers', OWN, 'mark:in', 'mark:own', 'foreign'],
    ['an empty comment', OWN, '', '', 'foreign'],
    ['an older version, and its own database', FORMER, 'mark:own', null, 'mark-inside'],
    ['an older version, restored from a dump', FORMER, null, null, 'foreign'],
    ['an older version, with a marker inside that it does not know', FORMER, 'mark:own', OTHER, 'mark-inside'],
    ['an adopted database', ADOPTED, undefined, 'mark:in', 'own'],
    ['an adopted database that was created for a former application', ADOPTED, OTHER, 'mark:in', 'own'],
    ['another database in the place of an adopted one', ADOPTED, null, OTHER, 'foreign'],
    ['a database without a marker in the place of an adopted one', ADOPTED, null, null, 'foreign'],
    ['one that was adopted by an older version', {}, null, null, 'mark-inside'],
  ])('decides by both markers: %s', (_case, expected, outside, inside, verdict) => {
    expect(judgeOwnership(expected, { outside, inside }, isMarker)).toBe(verdict);
  });

  it('starts no application without at least one marker of its own, once it has one inside', () => {
    const comment = fc.constantFrom(null, '', NOTE, OTHER, 'mark:', 'mark:x', 'MARK:own', ' mark:own');
    const expected = fc.constantFrom(OWN, ADOPTED);
    fc.assert(
      fc.property(expected, comment, comment, (record, outside, inside) => {
        expect(judgeOwnership(record, { outside, inside }, isMarker)).toBe('foreign');
      }),
    );
  });
});

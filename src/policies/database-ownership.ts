/**
 * The two ownership markers of an application's database. `outside` is kept by the server or beside the application's
 * tables (the comment of the database or schema; on MariaDB the comment of a table of ours). `inside` is the comment of
 * a table of NocoBase: a dump keeps it. Null where there is no comment, undefined where none is expected.
 */
export interface OwnershipMarkers {
  outside?: string | null;
  inside?: string | null;
}

/**
 * - `own`: nothing to do.
 * - `mark-inside`: the database is the application's, its contents carry no marker yet.
 * - `mark-outside`: the contents are the application's and were restored into a database without a marker.
 * - `foreign`: nothing shows that the data is the application's, or something shows that it is not.
 */
export type OwnershipVerdict = 'own' | 'mark-inside' | 'mark-outside' | 'foreign';

/**
 * Decides whether a database is the one of an application.
 * @param expected the markers that the application's record names
 * @param found the comments as they are
 * @param isMarker whether a comment is a marker of ours, for any application
 */
export function judgeOwnership(
  expected: { outside?: string; inside?: string },
  found: OwnershipMarkers,
  isMarker: (comment: string) => boolean,
): OwnershipVerdict {
  const markerIn = (comment: string | null | undefined) => (comment && isMarker(comment) ? comment : undefined);
  const [outside, inside] = [markerIn(found.outside), markerIn(found.inside)];
  if (expected.outside !== undefined && outside === expected.outside) {
    if (expected.inside === undefined) return 'mark-inside';
    if (inside === undefined) return 'mark-inside';
    return inside === expected.inside ? 'own' : 'foreign';
  }
  // The marker of another application outside: whatever the tables say, that database is the other one's.
  if (expected.outside !== undefined && outside !== undefined) return 'foreign';
  if (expected.inside !== undefined) {
    if (inside !== expected.inside) return 'foreign';
    return expected.outside === undefined ? 'own' : 'mark-outside';
  }
  // An adopted application that was never marked, as by an older version: the first boot decides.
  return expected.outside === undefined ? 'mark-inside' : 'foreign';
}

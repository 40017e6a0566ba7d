const PREFIX = 'nocobase-plugin-app-supervisor:';

/** The ownership marker for a token: a comment on a database, a schema or a table. */
export function marker(token: string): string {
  return `${PREFIX}${token}`;
}

/** Whether a comment is an ownership marker, of any application. */
export function isMarker(comment: string): boolean {
  return comment.startsWith(PREFIX);
}

/** The token of an ownership marker; undefined for any other comment. */
export function tokenOf(comment: string | null | undefined): string | undefined {
  return comment && isMarker(comment) ? comment.slice(PREFIX.length) : undefined;
}

/** The marker as an SQL text literal. A token holds nothing that would end or escape one. */
export function markerLiteral(token: string): string {
  if (!/^[\w-]+$/.test(token)) throw new Error('not a token');
  return `'${marker(token)}'`;
}

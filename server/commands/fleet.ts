import { CommandFailure, EXIT } from './failure';
import { isPattern, matches } from './pattern';
import type { ApplicationView, Session } from './session';

/** What REST gives at a time, at most. */
const PAGE_SIZE = 2_000;
const MAX_PAGES = 1_000;

/** Every application, or those in some states, page by page. */
export async function allApplications(
  { line }: Session,
  filter: { state?: string; removed?: boolean } = {},
): Promise<ApplicationView[]> {
  const found = new Map<string, ApplicationView>();
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const query = { page: String(page), pageSize: String(PAGE_SIZE), state: filter.state, sort: 'name' };
    const { data, meta } = await line.call('applications:list', {
      query: { ...query, removed: filter.removed ? 'true' : undefined },
    });
    for (const application of data as ApplicationView[]) found.set(application.name, application);
    if (page >= Number(meta?.totalPage ?? 1)) break;
  }
  return [...found.values()];
}

/** Whether an application is meant by a pattern: by its ID, or by what people call it. */
export function isMeant({ name, displayName }: ApplicationView, pattern: string): boolean {
  return matches(pattern, name) || matches(pattern, displayName ?? '');
}

/** The IDs that were typed, with those that patterns stand for. @throws CommandFailure */
export async function namesMeant(session: Session, words: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  const known = words.some(isPattern) ? (await allApplications(session)).map(({ name }) => name) : [];
  for (const word of words) {
    const found = isPattern(word) ? known.filter((name) => matches(word, name)) : [word];
    if (found.length === 0) {
      throw new CommandFailure(EXIT.notFound, 'APP_NOT_FOUND', 'No application matches {pattern}.', { pattern: word });
    }
    for (const name of found) names.add(name);
  }
  return [...names];
}

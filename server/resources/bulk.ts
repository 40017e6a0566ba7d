import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { AppError, isAppError, type ErrorAnswer } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { answerOf, languageOf } from '../error-answers';
import { inParallel } from '../lifecycle/parallel';
import { namedIn, target, targets } from './call';

const MAX_NAMES = 200;

/** What has become of one application of several. */
export type BulkResult = { name: string; ok: true; application: unknown } | ({ name: string; ok: false } & ErrorAnswer);

/**
 * The applications of a call that names them as a list, if only of one; undefined for a call that is for one alone.
 * @throws APP_VALUE_INVALID
 */
export function several(ctx: Context): string[] | undefined {
  const named = namedIn(ctx);
  const one = typeof (ctx.action.params as { filterByTk?: unknown }).filterByTk === 'string';
  if (one || named === undefined || named === null) return undefined;
  const names = targets(ctx) ?? [];
  if (names.length > 0 && names.length <= MAX_NAMES) return names;
  throw new AppError('APP_VALUE_INVALID', {
    field: 'names',
    reason: phrase('give 1 to {max} IDs', { max: MAX_NAMES }),
  });
}

/**
 * Does what a call asks for with the one application that it is for, or with each of those that it names.
 * @param width how many at a time; what is under way at a time is bounded by what carries it out, as a rule
 */
export async function withNamed(
  app: Application,
  ctx: Context,
  act: (name: string) => Promise<unknown>,
  width = MAX_NAMES,
): Promise<unknown> {
  const names = several(ctx);
  return names ? withEach(app, ctx, names, width, act) : act(target(ctx));
}

/**
 * Does the same with each of several applications, and tells of each what has become of it; none stops another.
 * @param width how many at a time
 * @param act answers with what a call for this one alone would answer
 */
export async function withEach(
  app: Application,
  ctx: Context,
  names: readonly string[],
  width: number,
  act: (name: string) => Promise<unknown>,
): Promise<{ results: BulkResult[] }> {
  const language = languageOf(ctx);
  const done = new Map<string, BulkResult>();
  await inParallel(names, width, async (name) => {
    try {
      done.set(name, { name, ok: true, application: await act(name) });
    } catch (thrown) {
      if (!isAppError(thrown)) app.log.error(String(thrown), { module: 'app-supervisor', application: name });
      const error = isAppError(thrown) ? thrown : new AppError('APP_UNEXPECTED');
      done.set(name, { name, ok: false, ...answerOf(app, error, language) });
    }
  });
  return { results: names.flatMap((name) => done.get(name) ?? []) };
}

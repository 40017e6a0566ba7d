import type { Application } from '@nocobase/server';

type Next = () => Promise<void>;

/** A middleware of a resource's requests. One that most requests only pass is no async function: it costs them a promise. */
export type ResourceMiddleware<Context> = (ctx: Context, next: Next) => Promise<void>;

/** Where a middleware stands among those of NocoBase. */
const PLACES = {
  /** Before the caller is known. */
  first: { tag: 'app-supervisor:first', before: ['auth', 'acl', 'createMiddleware'] },
  /** Behind the access control, before a file is read. */
  admitted: { tag: 'app-supervisor:admitted', after: 'acl', before: 'upload' },
};

export type MiddlewarePlace = keyof typeof PLACES;

/** By the resource manager, which a reload of the application makes anew. */
const joined = new WeakMap<object, Partial<Record<MiddlewarePlace, ResourceMiddleware<object>[]>>>();

/**
 * Adds a middleware behind those that were added at this place before. All of one place are one middleware for NocoBase, which
 * composes its list anew for each request, with a promise and closures for each entry. Call it at each load.
 */
export function addResourceMiddleware<Context extends object>(
  { resourceManager }: Pick<Application, 'resourceManager'>,
  place: MiddlewarePlace,
  middleware: ResourceMiddleware<Context>,
): void {
  const lists = joined.get(resourceManager) ?? {};
  joined.set(resourceManager, lists);
  const known = lists[place];
  if (known) {
    known.push(middleware as ResourceMiddleware<object>);
    return;
  }
  const list = [middleware as ResourceMiddleware<object>];
  lists[place] = list;
  resourceManager.use(joinedMiddleware(list) as never, { ...PLACES[place] });
}

function joinedMiddleware(list: readonly ResourceMiddleware<object>[]): ResourceMiddleware<object> {
  const run = (ctx: object, next: Next, at: number): Promise<void> => {
    const middleware = list[at];
    return middleware ? middleware(ctx, () => run(ctx, next, at + 1)) : next();
  };
  return (ctx, next) => run(ctx, next, 0);
}

import type { RoutedRequest } from './request-reader';
import type { Router } from './router';

interface SelectorContext {
  req: RoutedRequest;
  resolvedAppName: string | null;
}

let current: Router | undefined;

/** Which router the selector asks; none while the plugin does not manage applications. */
export function setSelectorRouter(router: Router | undefined): void {
  current = router;
}

/** A name that no application can have, for what the front door would have refused. */
const NOBODY = '-';

/**
 * Our place in the core's chain of selectors: a look-up in memory that names the application which the front door
 * has admitted. It never waits and never refuses. One function for the life of the process, since the core keeps
 * the first of several with the same text.
 */
export function selectApplication(ctx: SelectorContext, next: () => Promise<void>): Promise<void> {
  if (current?.ready) {
    const route = current.route(ctx.req);
    if (route.kind === 'main') ctx.resolvedAppName = 'main';
    else if (route.kind === 'app') ctx.resolvedAppName = route.name;
    else ctx.resolvedAppName = NOBODY;
  }
  return next();
}

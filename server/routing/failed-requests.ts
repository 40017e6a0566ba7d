import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parse } from 'node:url';
import { Gateway } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { cutOff } from './refusal';

type Handle = (this: unknown, req: IncomingMessage, res: ServerResponse) => Promise<unknown>;
type Report = (error: unknown) => void;

const gateway = Gateway.prototype as unknown as { requestHandler: Handle };
const load = createRequire(__filename);
let moduleFolders: string[] | undefined;

/** The longest name of a package on npm. */
const MAX_NAME = 214;
/** Also the older names, with upper-case letters. */
const PACKAGE_NAME = /^(?:@[\w~-][\w.~-]*\/)?[\w~-][\w.~-]*$/;

let original: Handle | undefined;
let ours: Handle | undefined;

/**
 * NocoBase looks for the package that a path below `/static/plugins/` names, and there may be none. For any other path, a
 * module that is missing means a broken installation.
 */
function isMissingPackage({ url = '' }: IncomingMessage, error: unknown): boolean {
  return url.includes('/static/plugins/') && (error as { code?: unknown } | null)?.code === 'MODULE_NOT_FOUND';
}

/**
 * Node keeps each name of a module that it did not find, and strangers choose these names: NocoBase is not asked for the
 * files of a package that is not installed.
 */
function namesMissingPackage({ url = '' }: IncomingMessage): boolean {
  if (!url.includes('plugins')) return false;
  const statics = process.env.PLUGIN_STATICS_PATH ?? '/static/plugins/';
  // As NocoBase reads it.
  const { pathname } = parse(url);
  if (!pathname?.startsWith(statics)) return false;
  const [first = '', second = ''] = pathname.slice(statics.length).split('/', 2);
  const name = first.startsWith('@') ? `${first}/${second}` : first;
  return name.length > MAX_NAME || !PACKAGE_NAME.test(name) || !isInstalled(name);
}

/** Looks where Node looks from NocoBase's own code, without asking Node. */
function isInstalled(name: string): boolean {
  moduleFolders ??= createRequire(load.resolve('@nocobase/server')).resolve.paths('x') ?? [];
  return moduleFolders.some((folder) => existsSync(path.join(folder, name)));
}

/**
 * Answers requests on which NocoBase's gateway fails before any application has them, such as those for the files of a
 * plugin that is not installed. Nothing awaits the gateway: such a request would never be answered, and its connection
 * would stay open. May be repeated.
 */
export function answerFailedRequests(report: Report): void {
  if (original) return;
  const handle = gateway.requestHandler;
  original = handle;
  ours = function answered(req, res) {
    if (namesMissingPackage(req)) {
      cutOff(req, res, new AppError('APP_FILE_NOT_FOUND'));
      return Promise.resolve();
    }
    // Not an async function: that would cost every request of the process one promise more.
    return handle.call(this, req, res).catch((error: unknown) => {
      const isMissing = isMissingPackage(req, error);
      if (!isMissing) report(error);
      cutOff(req, res, new AppError(isMissing ? 'APP_FILE_NOT_FOUND' : 'APP_UNEXPECTED'));
    });
  };
  gateway.requestHandler = ours;
}

/** Restores NocoBase's own, unless another plugin has replaced ours meanwhile. */
export function leaveFailedRequests(): void {
  if (!original || gateway.requestHandler !== ours) return;
  gateway.requestHandler = original;
  original = undefined;
}

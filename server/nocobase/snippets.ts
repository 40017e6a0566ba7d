import type { Application } from '@nocobase/server';
import { changeHost } from './host-parts';

/**
 * The permissions of a role are patterns that administrators of applications write, and each is compared with all known ones
 * in the shared thread. In a pattern, each pair of braces doubles the time, and so does each of many stars.
 */

/** A name in which stars stand for anything; with `!` before it, it takes a permission away. */
const PLAIN = /^!?[\w.:@/-]*(?:\*{1,2}[\w.:@/-]*){0,4}$/;
const MAX_LENGTH = 200;
/** NocoBase and its plugins know about a hundred. */
const MAX_SNIPPETS = 150;

interface Role {
  snippets: Set<unknown>;
  effectiveSnippets: (this: Role) => unknown;
  toJSON: (this: Role) => unknown;
}

const isPlain = (snippet: unknown) =>
  typeof snippet === 'string' && snippet.length <= MAX_LENGTH && PLAIN.test(snippet);

const guarded = new WeakSet<object>();

/** Makes roles disregard other patterns. Once for each class. */
export function guardRoles(prototype: Role): void {
  if (guarded.has(prototype)) return;
  guarded.add(prototype);
  const { effectiveSnippets, toJSON } = prototype;
  prototype.effectiveSnippets = function () {
    keepPlain(this);
    return effectiveSnippets.call(this);
  };
  // NocoBase joins the permissions of several roles in this form.
  prototype.toJSON = function () {
    keepPlain(this);
    return toJSON.call(this);
  };
}

function keepPlain(role: Role): void {
  const { snippets } = role;
  // Most roles have plain ones only, and NocoBase asks several times for each request.
  let count = 0;
  for (const snippet of snippets) {
    count += 1;
    if (count <= MAX_SNIPPETS && isPlain(snippet)) continue;
    role.snippets = new Set([...snippets].filter(isPlain).slice(0, MAX_SNIPPETS));
    return;
  }
}

/** Bounds the permissions of roles, of the main application as well: the class is one. What is not found is logged. */
export function boundSnippets(app: Application): void {
  const notice = 'permissions of roles are not bounded: this version of NocoBase compares them in another way';
  changeHost(app, notice, (load) => {
    const { ACLRole } = load('@nocobase/acl') as { ACLRole?: { prototype: Partial<Role> } };
    const { effectiveSnippets, toJSON } = ACLRole?.prototype ?? {};
    if (typeof effectiveSnippets !== 'function' || typeof toJSON !== 'function') {
      throw new TypeError('roles have no such method');
    }
    guardRoles(ACLRole?.prototype as Role);
  });
}

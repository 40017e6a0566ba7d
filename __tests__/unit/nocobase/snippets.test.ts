import { createRequire } from 'node:module';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { boundSnippets, guardRoles } from '../../../server/nocobase/snippets';

interface Role {
  snippets: Set<unknown>;
  effectiveSnippets(): { allowed: string[]; rejected: string[] };
  toJSON(): { snippets: unknown[] };
}

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { ACL, ACLRole } = host('@nocobase/acl') as {
  ACL: new () => { registerSnippet(snippet: object): void; define(role: object): Role };
  ACLRole: { prototype: Role };
};

const warn = jest.fn();

function allowed(snippets: unknown[]): string[] {
  const acl = new ACL();
  for (const name of ['pm.users', 'pm.acl.roles', 'ui.pages', 'a'.repeat(60)])
    acl.registerSnippet({ name, actions: [] });
  const role = acl.define({ role: 'r' });
  role.snippets = new Set(snippets);
  return role.effectiveSnippets().allowed;
}

beforeAll(() => {
  boundSnippets({ log: { warn } } as unknown as Application);
  // The class that this test has, too.
  guardRoles(ACLRole.prototype);
});

describe('the permissions of a role', () => {
  it.each([
    [['pm.users'], ['pm.users']],
    [['pm.*'], ['pm.users', 'pm.acl.roles']],
    [['pm.*', '!pm.users'], ['pm.acl.roles']],
    [['pm.*', '!pm.*'], []],
    [['*.pages'], ['ui.pages']],
    [['pm.**'], ['pm.users', 'pm.acl.roles']],
    [[], []],
  ])('%j stand for %j', (snippets, expected) => {
    expect(allowed(snippets)).toEqual(expected);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    '{a,b}'.repeat(40),
    '{1..100000000}',
    '*a'.repeat(30),
    '+(a|a)'.repeat(20),
    '[a-z]*'.repeat(30),
    '!(a)'.repeat(20),
    '?'.repeat(50_000),
    7,
    null,
    { toString: () => 'pm.*' },
  ])('that are no plain names are disregarded: %p', (snippet) => {
    expect(allowed([snippet, 'pm.users'])).toEqual(['pm.users']);
    expect(allowed([typeof snippet === 'string' ? `!${snippet}` : snippet, 'pm.users'])).toEqual(['pm.users']);
  });

  it('are joined with those of other roles without the others', () => {
    const role = new ACL().define({ role: 'r' });
    role.snippets = new Set(['pm.users', '{a,b}', ...Array.from({ length: 8_000 }, (_, index) => `x${index}`)]);
    expect(role.toJSON().snippets).toHaveLength(150);
  });

  it('are 150 at most', () => {
    const many = Array.from({ length: 600 }, (_, index) => `none.${index}`);
    expect(allowed([...many, 'pm.users'])).toEqual([]);
    expect(allowed([...many.slice(0, 149), 'pm.users'])).toEqual(['pm.users']);
  });
});

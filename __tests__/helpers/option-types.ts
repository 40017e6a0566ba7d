import path from 'node:path';
import { lodash } from '@nocobase/utils';
import fc from 'fast-check';
import ts from 'typescript';

const HOST = path.resolve(__dirname, '..', '..', 'host');
/** The option types by which an instance, its database and its drivers are constructed, and where each stands in ours. */
const ROOTS = `
import type { ApplicationOptions } from '@nocobase/server';
import type { Options } from 'sequelize';
import type { ClientConfig } from 'pg';
import type { ConnectionOptions } from 'mysql2';
export declare const options: ApplicationOptions & {
  database: Options & { dialectOptions: ClientConfig & ConnectionOptions };
};
`;
const DEPTH = 3;

export type OptionKind = 'boolean' | 'number' | 'string' | 'array' | 'object';

export interface OptionType {
  /** Dotted, as in database.pool.max. */
  path: string;
  kinds: OptionKind[];
}

function kindsOf(type: ts.Type, checker: ts.TypeChecker): OptionKind[] {
  const parts = type.isUnion() ? type.types : [type];
  const kinds = parts.map((part): OptionKind => {
    if (part.flags & ts.TypeFlags.BooleanLike) return 'boolean';
    if (part.flags & ts.TypeFlags.NumberLike) return 'number';
    if (part.flags & ts.TypeFlags.StringLike) return 'string';
    return checker.isArrayType(part) ? 'array' : 'object';
  });
  return [...new Set(kinds)];
}

/** Reads the option types of the installed packages: every member, down to the third level. */
export function readOptionTypes(): OptionType[] {
  const file = path.join(HOST, 'option-types.virtual.ts');
  const settings: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    skipLibCheck: true,
    types: [],
  };
  const compiler = ts.createCompilerHost(settings);
  const read = compiler.getSourceFile.bind(compiler);
  compiler.getSourceFile = (name, version, ...rest) =>
    name === file ? ts.createSourceFile(name, ROOTS, version) : read(name, version, ...rest);
  const program = ts.createProgram([file], settings, compiler);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const symbol = source && checker.getSymbolAtLocation(source);
  const root = symbol && checker.getExportsOfModule(symbol)[0];
  if (!source || !root) throw new Error('the option types cannot be read');
  const found = new Map<string, OptionKind[]>();
  const visit = (type: ts.Type, prefix: string, depth: number) => {
    const parts = type.isUnion() ? type.types : [type];
    for (const part of parts.filter((one) => one.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) {
      if (checker.isArrayType(part) || part.getCallSignatures().length) continue;
      for (const member of checker.getPropertiesOfType(part)) {
        const memberType = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(member, source));
        const name = `${prefix}${member.name}`;
        found.set(name, [...new Set([...(found.get(name) ?? []), ...kindsOf(memberType, checker)])]);
        if (depth < DEPTH) visit(memberType, `${name}.`, depth + 1);
      }
    }
  };
  visit(checker.getTypeOfSymbolAtLocation(root, source), '', 1);
  return [...found].map(([name, kinds]) => ({ path: name, kinds }));
}

const VALUES: Record<OptionKind, fc.Arbitrary<unknown>> = {
  boolean: fc.boolean(),
  number: fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1e308, 5432)),
  string: fc.oneof(
    fc.string(),
    fc.constantFrom("'; SELECT pg_sleep(9) --", '../../etc/passwd', '/tmp/planted', 'postgres', 'public', 'crm', ''),
    fc.constantFrom('new_connection', 'mysql', 'postgres://nb:Planted-4712@db/x', '-c search_path=x', '0.0.0.0'),
  ),
  array: fc.array(fc.constantFrom('fs', 'error-handler', 'lodash', '/tmp/planted'), { maxLength: 3 }),
  object: fc.constantFrom({}, { planted: true }, { jwt: null }),
};

/** Objects of some of these options each, with values of their types and with others. */
export function optionObjects(types: readonly OptionType[]): fc.Arbitrary<object> {
  const one = (type: OptionType) =>
    fc
      .oneof(...type.kinds.map((kind) => VALUES[kind]), fc.constantFrom<unknown>(null, false, [], {}, 0))
      .map((value) => [type.path, value] as const);
  return fc.array(fc.constantFrom(...types).chain(one), { minLength: 1, maxLength: 8 }).map((entries) => {
    const options = {};
    // By own keys of plain objects, as JSON has them: an option inside a text or an array replaces that value.
    const container = (existing: unknown) => (lodash.isPlainObject(existing) ? existing : {});
    for (const [name, value] of entries) lodash.setWith(options, name, structuredClone(value), container);
    return options;
  });
}

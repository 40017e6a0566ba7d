import path from 'node:path';
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

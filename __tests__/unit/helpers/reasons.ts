import ts from 'typescript';
import { TRANSLATED_PARAMS } from '../../../src/phrase';

/** The English reasons of errors in a source file, as they stand in the locale files, and what cannot be translated. */
export interface FoundReasons {
  texts: string[];
  /** Reasons that are put together in the code: they have no key in the locale files. */
  untranslatable: string[];
}

const isReason = (type: ts.TypeNode | undefined) => type?.getText() === 'Reason';

type Signature = ts.FunctionLikeDeclaration;

const isFunction = (node: ts.Node): node is Signature =>
  ts.isFunctionDeclaration(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node);

/** What a call of this function is written as, e.g. `invalid` for `const invalid = (reason: Reason) => …`. */
function nameOf(node: Signature): string | undefined {
  if (ts.isConstructorDeclaration(node)) return node.parent.name?.getText();
  if (ts.isArrowFunction(node)) return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : undefined;
  return node.name?.getText();
}

/**
 * Finds reasons by their places: parameters of errors and phrases, values of the type `Reason`, and arguments of the
 * functions of the same file that take one.
 */
export function reasonsIn(file: string, code: string): FoundReasons {
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true);
  const found: FoundReasons = { texts: [], untranslatable: [] };
  const constants = new Map<string, ts.Expression[]>();
  const takers = new Map<string, Set<number>>();
  const fields = new Set<string>();
  const each = (node: ts.Node, visit: (node: ts.Node) => void): void => {
    visit(node);
    node.forEachChild((child) => each(child, visit));
  };
  each(source, (node) => {
    if (ts.isVariableDeclaration(node) && node.initializer) {
      constants.set(node.name.getText(), [...(constants.get(node.name.getText()) ?? []), node.initializer]);
    }
    if (ts.isPropertySignature(node) && isReason(node.type)) fields.add(node.name.getText());
    if (!isFunction(node)) return;
    const places = node.parameters.flatMap(({ type }, index) => (isReason(type) ? [index] : []));
    const name = nameOf(node);
    if (name && places.length) takers.set(name, new Set([...(takers.get(name) ?? []), ...places]));
  });

  const take = (value: ts.Expression | undefined): void => {
    if (!value) return;
    if (ts.isStringLiteralLike(value)) found.texts.push(value.text);
    else if (ts.isTemplateExpression(value)) found.untranslatable.push(value.getText());
    else if (ts.isConditionalExpression(value)) [value.whenTrue, value.whenFalse].forEach(take);
    else if (ts.isParenthesizedExpression(value)) take(value.expression);
    else if (ts.isIdentifier(value)) {
      // Of constants of the same name in other functions, only the text is looked at.
      constants.get(value.text)?.forEach((one) => (ts.isIdentifier(one) ? undefined : take(one)));
    }
  };
  const takeParams = (params: ts.Expression | undefined): void => {
    if (!params || !ts.isObjectLiteralExpression(params)) return;
    for (const property of params.properties) {
      if (!property.name || !TRANSLATED_PARAMS.has(property.name.getText())) continue;
      if (ts.isPropertyAssignment(property)) take(property.initializer);
      if (ts.isShorthandPropertyAssignment(property)) take(property.name);
    }
  };
  each(source, (node) => {
    if (ts.isPropertyAssignment(node) && fields.has(node.name.getText())) take(node.initializer);
    if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return;
    const callee = node.expression.getText().replace(/^this\./, '');
    const given = node.arguments ?? [];
    if (callee === 'phrase') {
      take(given[0]);
      takeParams(given[1]);
    }
    if (callee === 'AppError') takeParams(given[1]);
    for (const place of takers.get(callee) ?? []) take(given[place]);
  });
  return found;
}

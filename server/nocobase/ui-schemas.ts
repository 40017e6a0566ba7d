import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';

/**
 * NocoBase takes a schema of a page apart level by level, and copies all that is left at each one. The work is the number of
 * values below each level, in all: a small body that is nested deeply holds everybody up.
 */

/** The values that may be copied for one schema; about a quarter of a second. */
const MAX_COPIED = 200_000;
const CHILDREN = ['properties', 'definitions', 'patternProperties', 'additionalProperties', 'items', 'subModels'];

/** Thrown inside, to end the count. */
const tooMany = new Error('too many values');

type Counted = { size: number; copied: number };

/** The values of a schema, and of all schemas in it together. */
function count(value: unknown, budget: { left: number }): Counted {
  budget.left -= 1;
  if (budget.left < 0) throw tooMany;
  if (typeof value !== 'object' || value === null) return { size: 1, copied: 0 };
  let size = 1;
  let copied = 0;
  for (const [key, member] of Object.entries(value)) {
    const inner = count(member, budget);
    size += inner.size;
    copied += inner.copied;
    // Each schema among the members is copied with all that it holds, and so are those in it.
    if (CHILDREN.includes(key) && typeof member === 'object') copied += inner.size;
    if (copied > MAX_COPIED) throw tooMany;
  }
  return { size, copied };
}

/** @throws APP_BODY_TOO_LARGE */
export function assertCopyable(schema: unknown): void {
  try {
    const { size, copied } = count(schema, { left: MAX_COPIED });
    if (size + copied <= MAX_COPIED) return;
  } catch (error) {
    if (error !== tooMany) throw error;
  }
  throw new AppError('APP_BODY_TOO_LARGE', { limit: MAX_COPIED, unit: 'values' });
}

type TakeApart = (this: unknown, schema: unknown, ...rest: unknown[]) => unknown;
type PutTogether = (this: unknown, nodes: unknown, ...rest: unknown[]) => unknown;

interface SchemaRepository {
  schemaToSingleNodes?: TakeApart;
  modelToSingleNodes?: TakeApart;
  nodesToModel?: PutTogether;
  prototype?: { nodesToSchema?: PutTogether };
}

/** NocoBase looks through all nodes for the children of each one. */
const MAX_NODES = 10_000;

function withFewNodes(original: PutTogether): PutTogether {
  return function (nodes, ...rest) {
    if (Array.isArray(nodes) && nodes.length > MAX_NODES) {
      throw new AppError('APP_BODY_TOO_LARGE', { limit: MAX_NODES, unit: 'values' });
    }
    return original.call(this, nodes, ...rest);
  };
}

/** It calls itself for each level, and awaits nothing: only the first call measures. */
function ofBoundedSize(original: TakeApart): TakeApart {
  let isInside = false;
  return function (schema, ...rest) {
    if (isInside) return original.call(this, schema, ...rest);
    assertCopyable(schema);
    isInside = true;
    try {
      return original.call(this, schema, ...rest);
    } finally {
      isInside = false;
    }
  };
}

const guarded = new WeakSet<object>();

/** Makes the repository refuse schemas that take too long. Once for each class. */
export function guardSchemas(repository: SchemaRepository): void {
  const original = repository.schemaToSingleNodes;
  if (typeof original !== 'function' || guarded.has(repository)) return;
  guarded.add(repository);
  const { nodesToModel, modelToSingleNodes, prototype } = repository;
  if (typeof nodesToModel === 'function') repository.nodesToModel = withFewNodes(nodesToModel);
  if (typeof prototype?.nodesToSchema === 'function') prototype.nodesToSchema = withFewNodes(prototype.nodesToSchema);
  repository.schemaToSingleNodes = ofBoundedSize(original);
  if (typeof modelToSingleNodes === 'function') repository.modelToSingleNodes = ofBoundedSize(modelToSingleNodes);
}

/** Bounds the schemas of pages, of the main application as well: the class is one. Call it after each load. */
export function boundSchemas(app: Application): void {
  for (const collection of ['uiSchemas', 'flowModels']) {
    if (!app.db.getCollection(collection)) continue;
    guardSchemas(app.db.getRepository(collection).constructor);
  }
}

import { createRequire } from 'node:module';
import path from 'node:path';
import { codeOf } from '../helpers/code-of';
import { assertCopyable, guardSchemas } from '../../../server/nocobase/ui-schemas';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { default: UiSchemaRepository } = host('./@nocobase/plugin-ui-schema-storage/dist/server/repository.js') as {
  default: { schemaToSingleNodes(schema: object): { name: string }[] };
};

function nested(levels: number, values: number, key: 'properties' | 'items' = 'properties'): object {
  let schema: object = { 'x-data': Array.from({ length: values }, () => ({})) };
  for (let level = 0; level < levels; level += 1) schema = { [key]: key === 'items' ? [schema] : { a: schema } };
  return schema;
}

const { default: FlowModelRepository } = host('./@nocobase/plugin-flow-engine/dist/server/repository.js') as {
  default: { modelToSingleNodes(model: object): unknown[]; nodesToModel(nodes: object[], uid: string): unknown };
};

/** A model of a block, with others in it. */
function model(levels: number, values: number): object {
  let inner: object = { use: 'A', stepParams: Array.from({ length: values }, () => ({})) };
  for (let level = 0; level < levels; level += 1) inner = { use: 'B', subModels: { a: level % 2 ? inner : [inner] } };
  return inner;
}

guardSchemas(UiSchemaRepository as never);
guardSchemas(FlowModelRepository as never);

describe('the schema of a page', () => {
  it.each([
    nested(237, 10_000),
    nested(100, 5_000),
    nested(200, 5_000, 'items'),
    nested(1, 300_000),
    { properties: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`p${index}`, nested(40, 300)])) },
  ])('is refused if its levels hold too many values', (schema) => {
    expect(codeOf(() => assertCopyable(schema))).toBe('APP_BODY_TOO_LARGE');
    expect(codeOf(() => UiSchemaRepository.schemaToSingleNodes(schema))).toBe('APP_BODY_TOO_LARGE');
  });

  it('is refused where objects stand in it several times, and unfold to very many', () => {
    let schema: object = { type: 'void' };
    for (let level = 0; level < 60; level += 1) schema = { properties: { a: schema, b: schema } };
    expect(codeOf(() => assertCopyable(schema))).toBe('APP_BODY_TOO_LARGE');
  });

  it.each([
    { type: 'void' },
    'a-uid',
    nested(20, 500),
    nested(1, 50_000),
    { properties: Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`p${index}`, nested(5, 20)])) },
  ])('of the size of a page is taken apart as ever', (schema) => {
    expect(codeOf(() => UiSchemaRepository.schemaToSingleNodes(schema as object))).toBe('passes');
  });

  it('of a block is refused likewise', () => {
    expect(codeOf(() => FlowModelRepository.modelToSingleNodes(model(60, 3_500)))).toBe('APP_BODY_TOO_LARGE');
    expect(codeOf(() => FlowModelRepository.modelToSingleNodes(model(20, 500)))).toBe('passes');
    expect(FlowModelRepository.modelToSingleNodes(model(3, 1))).toHaveLength(4);
  });

  it('is not put together of very many nodes', () => {
    const nodes = Array.from({ length: 10_001 }, (_, index) => ({
      'x-uid': `n${index}`,
      uid: `n${index}`,
      parent: 'n0',
    }));
    const repository = Object.create((UiSchemaRepository as unknown as { prototype: object }).prototype) as {
      nodesToSchema(nodes: object[], uid: string): unknown;
    };
    expect(codeOf(() => repository.nodesToSchema(nodes, 'n0'))).toBe('APP_BODY_TOO_LARGE');
    expect(codeOf(() => FlowModelRepository.nodesToModel(nodes, 'n0'))).toBe('APP_BODY_TOO_LARGE');
  });

  it('has the same nodes', () => {
    const nodes = UiSchemaRepository.schemaToSingleNodes({ name: 'a', properties: { b: { properties: { c: {} } } } });
    expect(nodes.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });
});

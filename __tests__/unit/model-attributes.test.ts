import fc from 'fast-check';
import { DataTypes, Model, Sequelize, type ModelAttributeColumnOptions } from 'sequelize';
import { modelAttributesPatch } from '../../server/lifecycle/fast-start/model-attributes';

/**
 * With the shortcut a model holds what Sequelize would have derived from its attributes, whatever has been added, changed
 * and taken away, in any order. The models never meet a database.
 */
const sequelize = new Sequelize({ dialect: 'postgres', logging: false });

interface Internals {
  rawAttributes: Record<string, ModelAttributeColumnOptions & Record<string, unknown>>;
  prototype: Record<string, unknown>;
  refreshAttributes(): void;
  removeAttribute(name: string): void;
  [key: string]: unknown;
}

type Definition = () => Record<string, unknown>;
const upper = (value: unknown) => value;
const DEFINITIONS: Record<string, Definition> = {
  text: () => ({ type: DataTypes.STRING }),
  'text with a default': () => ({ type: DataTypes.STRING, defaultValue: 'x' }),
  'a column named otherwise': () => ({ type: DataTypes.INTEGER, field: 'other_column' }),
  'a column of the name of another': () => ({ type: DataTypes.INTEGER, field: 'b' }),
  'a column of the key': () => ({ type: DataTypes.INTEGER, field: 'id' }),
  flag: () => ({ type: DataTypes.BOOLEAN, defaultValue: false }),
  moment: () => ({ type: DataTypes.DATE }),
  document: () => ({ type: DataTypes.JSONB, defaultValue: {} }),
  'indexed document': () => ({ type: DataTypes.JSONB, index: true }),
  computed: () => ({ type: DataTypes.VIRTUAL }),
  unique: () => ({ type: DataTypes.STRING, unique: true }),
  'unique together': () => ({ type: DataTypes.STRING, unique: 'together' }),
  checked: () => ({ type: DataTypes.STRING, validate: { notEmpty: true } }),
  'with a getter': () => ({ type: DataTypes.STRING, get: upper }),
  'with a setter': () => ({ type: DataTypes.STRING, set: upper }),
  key: () => ({ type: DataTypes.STRING, primaryKey: true }),
};
const NAMES = ['a', 'b', 'c', 'd', 'id', 'createdAt', 'update', 'longName'];

type Step =
  | { do: 'set'; name: string; definition: string }
  | { do: 'add two'; names: [string, string]; definition: string }
  | { do: 'remove'; name: string }
  | { do: 'change'; name: string; key: string; value: unknown }
  | { do: 'spoil'; name: string }
  | { do: 'refresh' }
  | { do: 'switch' };

const name = fc.constantFrom(...NAMES);
const definition = fc.constantFrom(...Object.keys(DEFINITIONS));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), name, definition }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('add two' as const), names: fc.tuple(name, name), definition }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      name,
      key: fc.constantFrom('primaryKey', 'unique', 'field', 'defaultValue'),
      value: fc.constantFrom(true, 'changed', undefined),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('spoil' as const), name }) },
  { weight: 1, arbitrary: fc.constant({ do: 'refresh' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'switch' as const }) },
);

let models = 0;

function modelOf(options: object): Internals {
  class Thing extends Model {}
  const modelName = `things${(models += 1)}`;
  Thing.init({}, { sequelize, modelName, tableName: 'things', ...options });
  return Thing as unknown as Internals;
}

function take(model: Internals, step: Step): void {
  const { rawAttributes, prototype } = model;
  if (step.do === 'remove') return model.removeAttribute(step.name);
  if (step.do === 'set') rawAttributes[step.name] = DEFINITIONS[step.definition]?.() as never;
  if (step.do === 'add two')
    for (const each of step.names) rawAttributes[each] = DEFINITIONS[step.definition]?.() as never;
  if (step.do === 'change' && rawAttributes[step.name]) {
    Object.assign(rawAttributes[step.name] as object, { [step.key]: step.value });
  }
  if (step.do === 'spoil') delete prototype[step.name];
  model.refreshAttributes();
}

const textOf = (value: unknown): unknown => {
  if (typeof value === 'function') return Function.prototype.toString.call(value);
  if (value instanceof Set) return [...value].map(textOf);
  if (Array.isArray(value)) return value.map(textOf);
  if (value === null || typeof value !== 'object') return value;
  const { toSql } = value as { toSql?: unknown };
  if (typeof toSql === 'function') return `${value.constructor.name} ${(value as { toSql(): string }).toSql()}`;
  return Object.entries(value)
    .filter(([key]) => key !== 'Model')
    .map(([key, item]) => [key, textOf(item)]);
};

/** What Sequelize holds of a model, in the order in which it holds it. */
function all(model: Internals): unknown {
  const own = Object.getOwnPropertyNames(model)
    .filter((key) => !['name', 'length', 'prototype', 'sequelize', 'options', 'associations'].includes(key))
    .sort();
  const accessors = Object.entries(Object.getOwnPropertyDescriptors(model.prototype)).sort(([one], [other]) =>
    one < other ? -1 : 1,
  );
  const inner = (attribute: Record<string, unknown>) => [attribute.Model === model, attribute.fieldName];
  return {
    statics: own.map((key) => [key, textOf(model[key])]),
    prototype: accessors.map(([key, { enumerable, configurable, get, set, value }]) => [
      key,
      [enumerable, configurable, textOf(get), textOf(set), key === 'constructor' ? '' : textOf(value)],
    ]),
    attributes: Object.values(model.rawAttributes).map(inner),
    same: model.prototype.rawAttributes === model.rawAttributes,
    keys: NAMES.map((key) => [key, (model._isPrimaryKey as (key: string) => boolean)(key)]),
    known: NAMES.map((key) => [key, (model.prototype._isAttribute as (key: string) => boolean)(key)]),
    defaults: Object.entries(model._defaultValues as Record<string, () => unknown>).map(([key, make]) => [key, make()]),
  };
}

describe('the attributes of a model', () => {
  afterEach(() => modelAttributesPatch.uninstall());

  it('are what Sequelize makes of them, whatever happens in whatever order', () => {
    const property = fc.property(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.record({ underscored: fc.boolean(), timestamps: fc.boolean() }),
      (steps, options) => {
        modelAttributesPatch.uninstall();
        const plain = modelOf(options);
        for (const each of steps) take(plain, each);
        expect(modelAttributesPatch.install('2.2.15')).toBe(true);
        const fast = modelOf(options);
        let active = true;
        for (const each of steps) {
          if (each.do === 'switch') {
            active = !active;
            if (active) modelAttributesPatch.install('2.2.15');
            else modelAttributesPatch.uninstall();
          }
          take(fast, each);
        }
        expect(all(fast)).toEqual(all(plain));
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  it('go through Sequelize once each, not again with each of the next', () => {
    modelAttributesPatch.install('2.2.15');
    const model = modelOf({});
    const normalize = jest.spyOn(
      sequelize as unknown as { normalizeDataType(type: unknown): unknown },
      'normalizeDataType',
    );
    for (let index = 0; index < 50; index += 1) {
      model.rawAttributes[`field${index}`] = DEFINITIONS.text?.() as never;
      model.refreshAttributes();
    }
    expect(normalize.mock.calls.length).toBeLessThanOrEqual(60);
    normalize.mockRestore();
  });
});

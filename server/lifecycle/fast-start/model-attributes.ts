import { Model } from 'sequelize';
import { methodPatch } from './method-patch';

/**
 * Each time a field is added to a collection, Sequelize works out everything that it derives from the attributes of the
 * model for all attributes again: for a collection of n fields n² times. Here only the added attributes go through
 * Sequelize, apart from the model, and what comes of them is put to what the model has already.
 *
 * That is done only where nothing but additions has happened since, and where an addition touches nothing derived from
 * the others: no primary key, unique key or index among them, no column of the same name, a primary key known already.
 * In every other case Sequelize does it all.
 */
type Attribute = Record<string, unknown>;
type Attributes = Record<string, Attribute>;

interface ModelInternals {
  rawAttributes: Attributes;
  prototype: object;
  options: { getterMethods?: object; setterMethods?: object };
  sequelize: unknown;
  underscored: unknown;
  tableName: unknown;
  primaryKeys: Attributes;
  fieldRawAttributesMap: Attributes;
  _attributeManipulation: Record<string, PropertyDescriptor>;
}

/** What Sequelize derives: by name, as sets of names, and as flags. */
const MAPS = [
  '_dataTypeChanges',
  '_dataTypeSanitizers',
  '_defaultValues',
  'fieldRawAttributesMap',
  'fieldAttributeMap',
  'tableAttributes',
  '_attributeManipulation',
];
const PROTOTYPE_MAPS = ['_customGetters', '_customSetters', 'validators'];
const SETS = ['_jsonAttributes', '_virtualAttributes'];
const FLAGS = [
  '_hasBooleanAttributes',
  '_hasDateAttributes',
  '_hasJsonAttributes',
  '_hasVirtualAttributes',
  '_hasDefaultValues',
];
/** The properties of an attribute from which something is derived. */
const TELLING = ['type', 'field', 'primaryKey', 'unique', 'validate', 'defaultValue', 'get', 'set', 'index'] as const;

/** A model's attributes when everything was derived from them. */
interface Derived {
  names: string[];
  attributes: Attribute[];
  told: unknown[][];
  manipulation: object;
}

const derived = new WeakMap<ModelInternals, Derived>();

type Refresh = (this: ModelInternals) => void;

export const modelAttributesPatch = methodPatch<Refresh>(
  'model-attributes',
  () => Model,
  'refreshAttributes',
  ['6c64446392e8'],
  (original) =>
    function () {
      const added = additions(this);
      if (added && derive(this, added, original)) {
        remember(this, added);
      } else {
        original.call(this);
        remember(this);
      }
    },
);

/** Sequelize tells a property that is undefined from one that is not there. */
const MISSING = Symbol('missing');
const told = (attribute: Attribute, key: string) => (Object.hasOwn(attribute, key) ? attribute[key] : MISSING);
const tell = (attribute: Attribute) => TELLING.map((key) => told(attribute, key));

function remember(model: ModelInternals, added?: string[]): void {
  const { rawAttributes, _attributeManipulation: manipulation } = model;
  const known = derived.get(model);
  if (known && added) {
    known.names.push(...added);
    for (const name of added) {
      const attribute = rawAttributes[name] as Attribute;
      known.attributes.push(attribute);
      known.told.push(tell(attribute));
    }
    return;
  }
  const attributes = Object.values(rawAttributes);
  derived.set(model, { names: Object.keys(rawAttributes), attributes, told: attributes.map(tell), manipulation });
}

/** The names of the attributes that have been added; undefined when anything else may have happened. */
function additions(model: ModelInternals): string[] | undefined {
  const known = derived.get(model);
  if (known?.manipulation !== model._attributeManipulation || !isPlain(model)) return undefined;
  const names = Object.keys(model.rawAttributes);
  const unchanged = known.names.every((name, index) => names[index] === name && isUnchanged(model, known, name, index));
  if (!unchanged) return undefined;
  const added = names.slice(known.names.length);
  return added.every((name) => standsAlone(model.rawAttributes[name])) ? added : undefined;
}

function isPlain({ options, primaryKeys, prototype }: ModelInternals): boolean {
  if (Object.keys(options.getterMethods ?? {}).length || Object.keys(options.setterMethods ?? {}).length) return false;
  return Object.keys(primaryKeys).length > 0 && Object.hasOwn(prototype, 'rawAttributes');
}

function isUnchanged(model: ModelInternals, known: Derived, name: string, index: number): boolean {
  const attribute = model.rawAttributes[name] as Attribute;
  if (attribute !== known.attributes[index] || attribute.Model !== model || attribute.fieldName !== name) return false;
  const before = known.told[index] as unknown[];
  for (let at = 0; at < TELLING.length; at += 1) {
    if (before[at] !== told(attribute, TELLING[at] as string)) return false;
  }
  if (Object.hasOwn(Model.prototype, name)) return true;
  const accessor = Object.getOwnPropertyDescriptor(model.prototype, name);
  const set = model._attributeManipulation[name];
  return set !== undefined && accessor?.get === set.get && accessor?.set === set.set;
}

function standsAlone(attribute: Attribute | undefined): boolean {
  return attribute !== undefined && !attribute.primaryKey && !attribute.unique && !attribute.index;
}

/**
 * What Sequelize derives from some attributes alone, added to what the model has.
 * @returns false, with nothing added, where one of them has the column of another attribute
 */
function derive(model: ModelInternals, added: string[], original: Refresh): boolean {
  const { rawAttributes, options, sequelize, underscored, tableName } = model;
  const prototype = model.prototype as Record<string, unknown>;
  if (added.length > 0) {
    const part = Object.fromEntries(added.map((name) => [name, rawAttributes[name]]));
    const apart = { rawAttributes: part, prototype: {}, options, sequelize, underscored, tableName };
    original.call(apart as unknown as ModelInternals);
    const own = model as unknown as Record<string, object>;
    const found = apart as unknown as Record<string, object>;
    const columns = Object.keys(found.fieldRawAttributesMap as object);
    if (columns.some((column) => Object.hasOwn(model.fieldRawAttributesMap, column))) return false;
    for (const name of added) (rawAttributes[name] as Attribute).Model = model;
    for (const map of MAPS) Object.assign(own[map] as object, found[map]);
    for (const map of PROTOTYPE_MAPS) Object.assign(prototype[map] as object, (apart.prototype as typeof own)[map]);
    for (const set of SETS) for (const name of found[set] as Set<string>) (own[set] as Set<string>).add(name);
    for (const flag of FLAGS) if (found[flag]) own[flag] = found[flag];
    for (const name of added) {
      const accessor = Object.getOwnPropertyDescriptor(apart.prototype, name);
      if (accessor) Object.defineProperty(prototype, name, accessor);
    }
    prototype._hasCustomGetters = Object.keys(prototype._customGetters as object).length;
    prototype._hasCustomSetters = Object.keys(prototype._customSetters as object).length;
    // Default values go on asking it for the dialect; nothing else is left of it.
    for (const key of Object.keys(apart)) if (key !== 'sequelize') delete (apart as Record<string, unknown>)[key];
  }
  prototype.rawAttributes = rawAttributes;
  return true;
}

import { computingTimeOf } from './computing-time';

/**
 * Templates of Handlebars (messages of notifications, for example) come from the administrators of all applications,
 * and are rendered with one set of helpers. NocoBase registers a package of 170 helpers. One of them reads files;
 * others hand out constructors and prototypes, or call functions that the template names, and so run any code. Here
 * the set is reduced to helpers that compute from data alone. See `handlebars.test.ts` for what the rest would do.
 * Templates are rendered in the shared thread: one of an application is ended when its time is over.
 */

/** One template of an application. */
const TIME = { maxMs: 250, freeMs: 5 };

/** Helpers that compute their output from the data that they are given, and change nothing. */
const ALLOWED = [
  // Of Handlebars.
  ...['blockHelperMissing', 'each', 'helperMissing', 'if', 'lookup', 'unless', 'with'],
  // Of NocoBase.
  ...['dateFormat', 'isNull', 'json', 'urlParse'],
  // Lists.
  ...['after', 'arrayify', 'before', 'eachIndex', 'equalsLength', 'filter', 'first', 'inArray', 'isArray', 'isEmpty'],
  ...['itemAt', 'join', 'last', 'length', 'lengthEqual', 'reverse', 'sort', 'sortBy', 'unique'],
  ...['withAfter', 'withBefore', 'withFirst', 'withGroup', 'withLast', 'withSort'],
  // Comparisons.
  ...['and', 'compare', 'contains', 'default', 'eq', 'gt', 'gte', 'has', 'ifEven', 'ifNth', 'ifOdd', 'is', 'isFalsey'],
  ...['isTruthy', 'isnt', 'lt', 'lte', 'neither', 'not', 'or'],
  ...['unlessEq', 'unlessGt', 'unlessGteq', 'unlessLt', 'unlessLteq'],
  // HTML and addresses.
  ...['attr', 'css', 'decodeURI', 'encodeURI', 'escape', 'gist', 'js', 'jsfiddle', 'ol', 'sanitize'],
  ...['stripProtocol', 'stripQuerystring', 'thumbnailImage', 'ul', 'urlResolve'],
  // Numbers.
  ...['abs', 'add', 'addCommas', 'avg', 'bytes', 'ceil', 'divide', 'floor', 'minus', 'modulo', 'multiply'],
  ...['phoneNumber', 'plus', 'random', 'remainder', 'round', 'subtract', 'sum', 'toAbbr', 'toExponential', 'toFixed'],
  ...['toFloat', 'toInt', 'toPrecision'],
  // Objects.
  ...['extend', 'hasOwn', 'isObject', 'JSONparse', 'JSONstringify', 'noop', 'parseJSON', 'stringify', 'toPath'],
  ...['typeOf', 'withHash'],
  // Paths as texts: these read no file and no folder of the process.
  ...['basename', 'dirname', 'extname', 'segments', 'stem'],
  // Texts.
  ...['append', 'camelcase', 'capitalize', 'capitalizeAll', 'chop', 'dashcase', 'dotcase', 'downcase', 'ellipsis'],
  ...['hyphenate', 'inflect', 'isString', 'lorem', 'lowercase', 'ordinalize', 'pascalcase', 'pathcase', 'plusify'],
  ...['prepend', 'raw', 'remove', 'removeFirst', 'replace', 'replaceFirst', 'sentence', 'snakecase', 'split'],
  ...['startsWith', 'titleize', 'trim', 'trimLeft', 'trimRight', 'truncate', 'truncateWords', 'upcase', 'uppercase'],
  'uuid',
];

/** Helpers that are known and removed. */
const REFUSED = [
  // Read files, and name folders of the process.
  ...['absolute', 'embed', 'relative', 'resolve'],
  // Walk into constructors and prototypes.
  ...['getObject', 'i18n', 'option', 'pick'],
  // Call functions that the template names.
  ...['map', 'some'],
  // Change the frame of the template, in which Handlebars looks for blocks.
  'frame',
  // Patterns and options that the template chooses: such a pattern can compute for hours.
  ...['isMatch', 'match', 'mm', 'test', 'toRegex'],
  // Do not end, or take all memory, for some arguments.
  ...['center', 'occurrences'],
];

/** Their patterns take time with the square of the length of a text: they get the beginning of a long one. */
const SLOW = [
  ...['addCommas', 'camelcase', 'chop', 'dashcase', 'dotcase', 'has', 'pascalcase', 'pathcase', 'snakecase'],
  'trimRight',
];
const MAX_SLOW_TEXT = 2_000;

type Helper = (this: unknown, ...given: never[]) => unknown;
type Values = Record<string, unknown>;

interface HelperOptions {
  hash: Values;
  data?: unknown;
  fn?: (context: unknown, options?: { data: unknown }) => string;
  inverse?: (context: unknown) => string;
}

type Register = 'registerHelper' | 'registerPartial' | 'registerDecorator';
type Unregister = 'unregisterHelper' | 'unregisterPartial' | 'unregisterDecorator';

/** The members of Handlebars that are used here. */
export type HandlebarsEngine = Record<'helpers' | 'partials' | 'decorators', Values> &
  Record<'compile' | 'precompile', (input: unknown, ...rest: unknown[]) => unknown> &
  Record<Register | Unregister, (name: unknown, value?: unknown) => unknown> & {
    createFrame(data: unknown): Values;
  };

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null;

/** The value at a path, through own properties only. */
function ownValue(from: unknown, path: unknown): unknown {
  return String(path)
    .split('.')
    .reduce<unknown>((value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined), from);
}

/** Helpers that templates are likely to use, and that go astray in the package. They do the same with data. */
function ownHelpers(engine: HandlebarsEngine): Record<string, Helper> {
  const frame = (options: HelperOptions, values: Values) =>
    Object.assign(engine.createFrame(options.data), options.hash, values);

  function get(path: unknown, context: unknown, options?: HelperOptions) {
    const value = ownValue(context, path);
    if (!options?.fn) return value;
    return value ? options.fn(value) : options.inverse?.(context);
  }
  function pluck(list: unknown, path: unknown) {
    if (!Array.isArray(list)) return '';
    return list.map((item) => ownValue(item, path)).filter((value) => value !== undefined);
  }
  function merge(...given: unknown[]) {
    const options = given.pop() as HelperOptions;
    return Object.assign({}, ...given, options.hash) as Values;
  }
  function forOwn(from: unknown, options: HelperOptions) {
    if (!options?.fn || !isObject(from)) return '';
    const parts = Object.keys(from).map((key) => options.fn!(from[key], { data: frame(options, { key }) }));
    return parts.join('');
  }
  function forEach(this: unknown, list: unknown, options: HelperOptions) {
    if (!options?.fn) return '';
    if (!Array.isArray(list)) return options.inverse?.(this);
    const parts = list.map((item: unknown, index) => {
      const place = { index: index + 1, total: list.length, isFirst: index === 0, isLast: index === list.length - 1 };
      // A copy: the package writes these into the item.
      const context = isObject(item) ? { ...item, ...place } : item;
      return options.fn!(context, { data: frame(options, { index }) });
    });
    return parts.join('');
  }
  function iterate(this: unknown, from: unknown, options: HelperOptions) {
    if (Array.isArray(from)) return forEach.call(this, from, options);
    return isObject(from) ? forOwn(from, options) : options?.inverse?.(this);
  }
  // Writes to the log of the process. It must be there: Handlebars compiles its name without a look at the list.
  const log = () => '';
  return { get, pluck, merge, forOwn, forIn: forOwn, forEach, iterate, log };
}

/** The names of the helpers that stay. */
export const allowedHelpers: ReadonlySet<string> = new Set([
  ...ALLOWED,
  ...['get', 'pluck', 'merge', 'forOwn', 'forIn', 'forEach', 'iterate', 'log'],
]);

const knownHelpers: ReadonlySet<string> = new Set([...allowedHelpers, ...REFUSED]);

const confined = new WeakSet<object>();

/**
 * Reduces the helpers of the engine to those that compute from data, and fixes them for the rest of the process. A
 * template that uses another helper fails. Does its work once for each engine.
 * @param notify is told what is not registered, now or later, and is not known to this file
 * @param current returns the ID of the application that runs code now; undefined for the main application
 * @throws TypeError if the engine lacks members
 */
export function confineHandlebars(
  engine: HandlebarsEngine,
  notify: (notice: string) => void,
  current: () => string | undefined,
): void {
  if (confined.has(engine)) return;
  for (const method of ['compile', 'precompile', 'createFrame'] as const) {
    if (typeof engine[method] !== 'function') throw new TypeError(`Handlebars has no ${method}`);
  }
  confined.add(engine);
  const { helpers } = engine;
  const unknown = Object.keys(helpers).filter((name) => !knownHelpers.has(name));
  for (const name of Object.keys(helpers)) if (!allowedHelpers.has(name)) delete helpers[name];
  for (const [name, helper] of Object.entries(ownHelpers(engine))) if (name in helpers) helpers[name] = helper;
  for (const name of SLOW) if (name in helpers) helpers[name] = withShortTexts(helpers[name] as Helper);
  for (const helper of Object.values(helpers)) Object.freeze(helper);
  for (const name of unknown) notify(`the helper "${name}" of Handlebars is removed: it is not known to be harmless`);
  acceptTextsOnly(engine);
  boundTime(engine, current);
  for (const kind of ['helpers', 'partials', 'decorators'] as const) Object.freeze(engine[kind]);
  refuseRegistrations(engine, notify);
}

function withShortTexts(helper: Helper): Helper {
  const shorten = (value: unknown) => (typeof value === 'string' ? value.slice(0, MAX_SLOW_TEXT) : value);
  return function (this: unknown, ...given: unknown[]) {
    return helper.apply(this, given.map(shorten) as never[]);
  };
}

/** A template is a text. Handlebars also takes a syntax tree, whose parts it writes into the code that it runs. */
function acceptTextsOnly(engine: HandlebarsEngine): void {
  for (const method of ['compile', 'precompile'] as const) {
    const original = engine[method].bind(engine);
    engine[method] = (input, ...rest) => {
      if (typeof input !== 'string') throw new TypeError('a template must be a text');
      return original(input, ...rest);
    };
  }
}

type Template = (context: unknown, options?: unknown) => unknown;

/** Handlebars reads a template when it is rendered for the first time: that counts as well. */
function boundTime(engine: HandlebarsEngine, current: () => string | undefined): void {
  const { compile } = engine;
  engine.compile = (...given) => {
    const template = compile(...given) as Template;
    const bounded: Template = (...values) => {
      const name = current();
      if (name === undefined) return template(...values);
      return computingTimeOf(name).run(() => template(...values), TIME, 'template', 'rendering it takes too long');
    };
    return Object.assign(bounded, template);
  };
}

/** A plugin that registers something later must still load: it is told in the log, and gets no error. */
function refuseRegistrations(engine: HandlebarsEngine, notify: (notice: string) => void): void {
  for (const kind of ['Helper', 'Partial', 'Decorator'] as const) {
    engine[`register${kind}`] = (name) => {
      const names = isObject(name) ? Object.keys(name).slice(0, 5).join(', ') : String(name);
      notify(`Handlebars: ${kind.toLowerCase()} "${names}" is not registered: templates of all applications share it`);
    };
    engine[`unregister${kind}`] = () => undefined;
  }
}

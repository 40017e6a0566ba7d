// Writes docs/rest.md from the plugin's swagger; with --check it only says whether that is what it would write.
import { load, publish, rows } from './reference.mjs';

const INTRODUCTION = `# REST reference

<!-- Written by scripts/rest-reference.mjs from the plugin's swagger. -->

Every action as it stands in the plugin's swagger, which NocoBase's API documentation page shows. What the actions mean, and
what lies behind them, is told in [api.md](api.md); the sentences of the error codes stand in [errors.md](errors.md).`;

const SHARED = `Each is called as \`/api/<action>\` of the main application, with \`Authorization: Bearer <token>\`: of somebody who is signed
in, or an API key. It answers with \`{"data": …}\`; a list with \`{"data": […], "meta": {"count", "page", "pageSize",
"totalPage"}}\`; a fault with \`{"errors": [{"code", "message"}]}\`.`;

const anchor = (title) => title.toLowerCase().replace(/[^\w-]/g, '');
const code = (text) => `\`${text}\``;
const refName = ($ref) => $ref.split('/').at(-1);

/** A type in words. */
function typeText(schema) {
  const one = () => {
    if (schema.$ref) return `[${refName(schema.$ref)}](#${anchor(refName(schema.$ref))})`;
    if (schema.allOf) return schema.allOf.map(typeText).join(' with ');
    if (schema.oneOf) return schema.oneOf.map(typeText).join(' or ');
    if (schema.enum)
      return schema.enum
        .filter((value) => value !== null)
        .map(code)
        .join(', ');
    if (schema.properties && !schema.nullable) return `\`{${Object.keys(schema.properties).join(', ')}}\``;
    if (schema.type === 'array') return `list of ${typeText(schema.items)}`;
    return schema.format ? `${schema.type}, ${schema.format}` : (schema.type ?? 'any');
  };
  return schema.nullable ? `${one()}, or null` : one();
}

/** What a value must be, besides its type. */
function boundsText({ description = '', default: fallback, minimum, maximum, pattern }) {
  const bounds = [
    minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : '',
    minimum !== undefined && maximum === undefined ? `at least ${minimum}` : '',
    minimum === undefined && maximum !== undefined ? `at most ${maximum}` : '',
    pattern ? code(pattern) : '',
    fallback === undefined ? '' : `by default ${code(fallback)}`,
  ].filter(Boolean);
  return [description, bounds.length ? `(${bounds.join('; ')})` : ''].filter(Boolean).join(' ');
}

/** The fields of an object, and of what is in it, a line each. */
function fieldRows(schema, prefix = '') {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const inner = field.type === 'array' ? field.items : field;
    const path = `${prefix}${name}${field.type === 'array' && inner.properties ? '[]' : ''}`;
    return [
      [code(path), inner.properties && field.type === 'array' ? 'list' : typeText(field), boundsText(field)],
      ...(inner.$ref ? [] : fieldRows(inner, `${path}.`)),
    ];
  });
}

const fieldTable = (schema) => rows(['field', 'type', 'meaning'], fieldRows(schema));

function bodyParts({ content = {} }) {
  return Object.entries(content).flatMap(([type, { schema }]) => {
    const whole = schema.allOf
      ? { properties: Object.assign({}, ...schema.allOf.map((part) => part.properties)) }
      : schema;
    const more = (schema.allOf ?? []).map((part) => part.description).filter(Boolean);
    if (schema.$ref) return [`Body: ${typeText(schema)}`];
    const title = type === 'application/json' ? 'Body:' : `Body as ${code(type)}:`;
    return [title, fieldTable(whole), ...(more.length ? [`Besides: ${more.join(' ')}`] : [])];
  });
}

/** What an answer holds: the name of a shape, or its fields where it has none. */
function answerParts({ description, content }) {
  if (!content) return [`Answers without a body. ${description}`];
  const [type, { schema }] = Object.entries(content)[0];
  if (type !== 'application/json') return [`Answers with ${code(type)}. ${description}`];
  const { data, meta } = schema.properties;
  const more = Object.keys(meta?.properties ?? {}).filter((field) => !PAGE_FIELDS.includes(field));
  const extra = more
    .map((field) => ` Besides, ${code(`meta.${field}`)}: ${typeText(meta.properties[field])}.`)
    .join('');
  if (!data.properties) return [`Answers with ${typeText(data)}${meta ? ', by pages' : ''}. ${description}${extra}`];
  return [`Answers: ${description}`, fieldTable(data)];
}

const PAGE_FIELDS = ['count', 'page', 'pageSize', 'totalPage'];
const codesOf = ({ content }) =>
  content?.['application/json'].schema.properties.errors.items.properties.code.enum ?? [];

/** The codes with which every action on applications may answer. */
function sharedCodes(paths) {
  const all = Object.entries(paths).filter(([path]) => path.startsWith('/applications:'));
  const sets = all.map(([, methods]) => {
    const { responses } = Object.values(methods)[0];
    return new Set(Object.keys(responses).flatMap((status) => (status === '200' ? [] : codesOf(responses[status]))));
  });
  return [...sets[0]].filter((name) => sets.every((set) => set.has(name)));
}

function errorRows(responses, shared) {
  const statuses = Object.keys(responses).filter((status) => status !== '200');
  return statuses.flatMap((status) => {
    if (!responses[status].content) return [[status, responses[status].description]];
    const own = codesOf(responses[status]).filter((name) => !shared.includes(name));
    return own.length ? [[status, own.map(code).join(', ')]] : [];
  });
}

function actionParts(path, methods, shared) {
  const [[method, { summary, description, parameters = [], requestBody = {}, responses }]] = Object.entries(methods);
  const errors = errorRows(responses, shared);
  const title = path.slice(1);
  return [
    `## ${title}`,
    `${code(`${method.toUpperCase()} /api${path}`)} ${summary}.${description ? ` ${description}` : ''}`,
    ...(parameters.length
      ? [
          rows(
            ['parameter', 'type', 'meaning'],
            parameters.map(({ name, schema, description: text, required }) => [
              code(name),
              `${typeText(schema)}${required ? ', required' : ''}`,
              boundsText({ ...schema, description: text }),
            ]),
          ),
        ]
      : []),
    ...bodyParts(requestBody),
    ...answerParts(responses[200]),
    ...(errors.length ? [rows(['status', 'codes'], errors)] : []),
  ];
}

const { default: swagger } = await load(`export { default } from './server/swagger/index';`);
const { paths, components } = swagger;
const shared = sharedCodes(paths);
await publish('rest.md', 'the swagger', [
  INTRODUCTION,
  SHARED,
  `Every action on \`applications\` may answer with these: ${shared.map(code).join(', ')}. They are left out below.`,
  rows(
    ['action', 'method', 'what it does'],
    Object.entries(paths).map(([path, methods]) => {
      const [[method, { summary }]] = Object.entries(methods);
      const title = path.slice(1);
      return [`[${code(title)}](#${anchor(title)})`, method.toUpperCase(), summary];
    }),
  ),
  ...Object.entries(paths).flatMap(([path, methods]) => actionParts(path, methods, shared)),
  '## Shapes',
  ...Object.entries(components.schemas).flatMap(([name, schema]) => [
    `### ${name}`,
    ...(schema.description ? [schema.description] : []),
    fieldTable(schema),
  ]),
]);

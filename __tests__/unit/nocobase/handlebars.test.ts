import { createRequire } from 'node:module';
import path from 'node:path';
import { allowedHelpers, confineHandlebars, type HandlebarsEngine } from '../../../server/nocobase/handlebars';

/** The engine with the helpers that NocoBase registers. */
const host = createRequire(path.resolve('host/node_modules/x.js'));
const { Handlebars } = host('@nocobase/utils') as { Handlebars: HandlebarsEngine };
const notices: string[] = [];
const registered = Object.keys(Handlebars.helpers);

const render = (template: unknown, data: object = {}) =>
  (Handlebars.compile(template) as (data: object) => string)(data);

/** The application that renders; none is the main application. */
let current: string | undefined;

beforeAll(() =>
  confineHandlebars(
    Handlebars,
    (notice) => notices.push(notice),
    () => current,
  ),
);

describe('templates of Handlebars', () => {
  it('all helpers that NocoBase registers are judged; a new one must be added to a list of the guard', () => {
    expect(registered.length).toBeGreaterThan(150);
    expect(notices).toEqual([]);
    expect(Object.keys(Handlebars.helpers).filter((name) => !allowedHelpers.has(name))).toEqual([]);
  });

  it.each([
    `{{{embed '/etc/passwd' 'x'}}}`,
    `{{{embed 'package.json'}}}`,
    '{{absolute "x"}}',
    '{{resolve "x"}}',
    '{{relative "a" "b"}}',
    '{{mm "a" "b"}}',
    `{{#with (split "return process.pid" ";")}}{{map this (get 'constructor.constructor' @root)}}{{/with}}`,
    `{{getObject 'constructor' this}}`,
    `{{option 'constructor'}}`,
    `{{center "x" 3}}`,
    `{{occurrences "x" ""}}`,
  ])('has no helper that leaves the data: %s', (template) => {
    expect(() => render(template)).toThrow(/Missing helper/i);
  });

  it.each(['constructor', '__proto__', 'constructor.prototype', '__defineGetter__', 'a.constructor', 'l.constructor'])(
    'hands out no %s',
    (name) => {
      const data = { name, a: 'text', l: [{}] };
      const expected = 'undefined undefined ';
      expect(render('{{typeOf (get name this)}} {{typeOf (lookup this name)}} {{pluck l name}}', data)).toBe(expected);
      expect(render('{{#get name this}}found{{else}}none{{/get}}', data)).toBe('none');
    },
  );

  it('changes no prototype and no value of the caller', () => {
    const data = { first: { a: 1 }, list: [{ b: 2 }] };
    render(`{{merge (get '__proto__' this) (JSONparse '{"polluted":1}')}}`, data);
    render(`{{merge first (JSONparse '{"polluted":1}')}}{{#forEach list}}{{b}}{{/forEach}}`, data);
    render(`{{extend first (JSONparse '{"__proto__":{"polluted":1}}')}}`, data);
    expect((Object.prototype as { polluted?: unknown }).polluted).toBeUndefined();
    expect(data).toEqual({ first: { a: 1 }, list: [{ b: 2 }] });
  });

  it('writes nothing to the log of the process', () => {
    const written = jest.spyOn(console, 'error').mockImplementation();
    expect(render('{{log "x" level="error"}}y')).toBe('y');
    expect(written).not.toHaveBeenCalled();
    written.mockRestore();
  });

  it('takes texts only: a syntax tree would be written into code', () => {
    expect(() => render({ type: 'Program', body: [] })).toThrow('must be a text');
    const hidden = `{{#forEach l [partial-block]=(JSONparse '{"type":"Program","body":[]}')}}{{> @partial-block}}{{/forEach}}`;
    expect(() => render(hidden, { l: [1] })).toThrow();
  });

  it.each<[string, object, string]>([
    ['{{upcase name}} {{add 1 2}} {{toFixed 1.234 1}}', { name: 'ann' }, 'ANN 3 1.2'],
    ['{{#each l}}{{@index}}{{this}} {{/each}}', { l: ['a', 'b'] }, '0a 1b '],
    ['{{#if (eq a 1)}}one{{else}}other{{/if}}', { a: 1 }, 'one'],
    ['{{get "a.b" this}} {{join (pluck l "n") "-"}}', { a: { b: 7 }, l: [{ n: 1 }, { n: 2 }, {}] }, '7 1-2'],
    ['{{#forEach l}}{{n}}{{#unless isLast}},{{/unless}}{{/forEach}}', { l: [{ n: 1 }, { n: 2 }] }, '1,2'],
    ['{{#forOwn o}}{{@key}}={{this}};{{/forOwn}}', { o: { a: 1, b: 2 } }, 'a=1;b=2;'],
    ['{{#iterate o}}{{@key}}{{/iterate}}{{#iterate l}}{{n}}{{/iterate}}', { o: { a: 1 }, l: [{ n: 3 }] }, 'a3'],
    ['{{#with (merge a b)}}{{x}}{{y}}{{/with}}', { a: { x: 1 }, b: { y: 2 } }, '12'],
    [
      '{{dateFormat d "YYYY"}} {{{json o}}} {{isNull n}}',
      { d: '2024-05-01', o: { a: 1 }, n: null },
      '2024 {"a":1} true',
    ],
    ['{{#*inline "p"}}[{{x}}]{{/inline}}{{> p}}', { x: 1 }, '[1]'],
  ])('renders %s as before', (template, data, expected) => expect(render(template, data)).toBe(expected));

  it('no helper, partial or decorator can be added or replaced; a plugin that tries still loads', () => {
    for (const kind of ['helpers', 'partials', 'decorators'] as const) {
      expect(() => (Handlebars[kind].upcase = () => 'changed')).toThrow(TypeError);
    }
    Handlebars.registerHelper('embed', () => 'x');
    Handlebars.registerHelper({ embed: () => 'x' });
    Handlebars.registerPartial('p', 'x');
    Handlebars.registerDecorator('d', () => 'x');
    Handlebars.unregisterHelper('upcase');
    expect(notices).toHaveLength(4);
    expect(() => render('{{embed "x"}}')).toThrow(/Missing helper/);
    expect(render('{{upcase "a"}}')).toBe('A');
  });

  it('long texts do not hold up the thread: slow helpers get their beginning', () => {
    for (const text of [
      `a${' '.repeat(60_000)}a`,
      `a${'\n'.repeat(60_000)}a`,
      '1'.repeat(60_000),
      '.'.repeat(60_000),
    ]) {
      for (const name of allowedHelpers) {
        const startedAt = performance.now();
        try {
          render(`{{${name} text}}`, { text });
        } catch {
          // Many helpers want other arguments.
        }
        // In the original, `chop` takes seconds.
        expect([name, performance.now() - startedAt < 500]).toEqual([name, true]);
      }
    }
  });

  it('another version of the engine is noticed', () => {
    expect(() => confineHandlebars({ helpers: {} } as never, jest.fn(), jest.fn())).toThrow(
      'Handlebars has no compile',
    );
  });
});

describe('the time of a template', () => {
  const list = Array.from({ length: 400 }, (_, index) => index);
  const each = (inner: string) => `{{#each @root.list}}${inner}{{/each}}`;

  afterEach(() => {
    current = undefined;
  });

  it.each([
    each(each(each(each('x')))),
    `{{#forEach list}}${each(each(each('{{add @root.one 1}}')))}{{/forEach}}`,
    `{{#iterate list}}${each(each('{{sort @root.list}}'))}{{/iterate}}`,
    each(each('{{join @root.list ","}}{{join @root.list ","}}{{JSONstringify @root.list}}')),
    each(each(each('{{#if true}}{{/if}}'))),
  ])('of an application ends after its time: %s', (template) => {
    current = `hbs-${template.length}`;
    let code: unknown;
    try {
      render(template, { list, one: 1 });
    } catch (error) {
      ({ code } = error as { code?: unknown });
    }
    expect(code).toBe('APP_VALUE_INVALID');
    expect(render('{{one}} {{sum 1 2}}', { one: 1 })).toBe('1 3');
  });

  it('is used up by templates that take long, for the application that has them', () => {
    const codes = Array.from({ length: 8 }, () => {
      current = 'hbs-greedy';
      try {
        return render(each(each(each(each('x')))), { list });
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
    });
    expect(codes[0]).toBe('APP_VALUE_INVALID');
    expect(codes.at(-1)).toBe('APP_BUSY');
    current = 'hbs-neighbour';
    expect(render('{{#each list}}{{this}}{{/each}}', { list: [1, 2] })).toBe('12');
  });

  it('is not bounded in the main application', () => {
    expect(render(each(each('x')), { list })).toHaveLength(160_000);
  });
});

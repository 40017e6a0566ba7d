import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { confineLiquid, type LiquidClass } from '../../../server/nocobase/liquid';

interface Engine {
  parseAndRender(template: string, data?: object): Promise<string>;
  parseAndRenderSync(template: string, data?: object): string;
  fullVariables(template: string): Promise<string[]>;
  renderFile(file: string): Promise<string>;
  renderFileSync(file: string): string;
  renderFileToNodeStream(file: string): Promise<unknown>;
  parseFileSync(file: string): unknown;
}

interface Utils {
  parseLiquidContext(template: string, data: object): Promise<string>;
  getLiquidContext(template: string): Promise<object>;
}

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { Liquid } = createRequire(host.resolve('@nocobase/utils'))('liquidjs') as {
  Liquid: LiquidClass & (new (options?: object) => Engine);
};
const utils = host('@nocobase/utils') as Utils;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'liquid-'));
const file = path.join(folder, 'secret.html');
const engine = new Liquid({ root: [folder, '/'] });

beforeAll(() => {
  fs.writeFileSync(file, 'secret of {{ ctx.name }}');
  confineLiquid(Liquid);
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const tags = ['include', 'render', 'layout'].flatMap((tag) =>
  ['package.json', 'secret.html', file, '../etc/passwd'].map((name) => `{% ${tag} "${name}" %}`),
);

describe('templates of LiquidJS', () => {
  it.each([...tags, `{% assign f = "${file}" %}{% include f %}`])('reads no file: %s', async (template) => {
    await expect(engine.parseAndRender(template)).rejects.toThrow('cannot read files');
    expect(() => engine.parseAndRenderSync(template)).toThrow('cannot read files');
    await expect(utils.parseLiquidContext(template, {})).rejects.toThrow('cannot read files');
  });

  it('reads no file to find the variables of a template', async () => {
    for (const tag of ['include', 'render', 'layout']) {
      const template = `{% ${tag} "${file}" %}`;
      await expect(engine.fullVariables(template)).rejects.toThrow('cannot read files');
      await expect(utils.getLiquidContext(template)).rejects.toThrow('cannot read files');
    }
  });

  it('renders no file', async () => {
    await expect(engine.renderFile(file)).rejects.toThrow('cannot read files');
    await expect(engine.renderFileToNodeStream(file)).rejects.toThrow('cannot read files');
    expect(() => engine.renderFileSync(file)).toThrow('cannot read files');
    expect(() => engine.parseFileSync(file)).toThrow('cannot read files');
  });

  it('takes no memory without bounds', async () => {
    await expect(utils.parseLiquidContext('{% assign a = (1..100000000) %}', {})).rejects.toThrow('memory alloc');
  });

  it('renders other templates as before', async () => {
    const template = 'select {% if ctx.a %}{{ ctx.a | upcase }}{% endif %} {% for i in (1..3) %}{{ i }}{% endfor %}';
    expect(await utils.parseLiquidContext(template, { a: 'x' })).toBe('select X 123');
    expect(await utils.getLiquidContext('{{ ctx.a.b }}')).toEqual({ a: { b: '{{ctx.a.b}}' } });
  });

  it('another version of the engine is noticed', () => {
    expect(() => confineLiquid({ prototype: {} } as never)).toThrow('has no _parsePartialFile');
  });
});

import path from 'node:path';
import type { Application } from '@nocobase/server';
import { confineLocalImages, imageFiles } from '../../../server/nocobase/local-images';

const image = (url: unknown, type = 'image_url') => ({ role: 'user', content: [{ type, image_url: { url } }] });
const here = (file: string) => path.join(process.cwd(), file);

describe('local images of a workflow', () => {
  it('finds the paths in every form that the node reads', () => {
    const messages = [
      image('/storage/uploads/a.png'),
      image(['../.env', { url: 'storage/apps/main/jwt_secret.dat' }]),
      image({ url: 'b.png' }, 'image_base64'),
      image('data:/../../etc/passwd'),
      image('https://example.com/c.png'),
      { role: 'system', message: 'x' },
      null,
    ];
    expect(imageFiles({ messages })).toEqual([
      here('storage/uploads/a.png'),
      here('../.env'),
      here('storage/apps/main/jwt_secret.dat'),
      here('b.png'),
      here('../etc/passwd'),
    ]);
  });

  it.each([undefined, null, {}, { messages: 7 }, { messages: [{ content: 7 }] }, { messages: [{ content: [null] }] }])(
    'finds none in %p',
    (config) => expect(imageFiles(config)).toEqual([]),
  );

  it('a node runs only if all of its files are allowed', () => {
    const run = jest.fn(() => 'done');
    const llm = { run: run as (...args: unknown[]) => unknown };
    const app = { pm: { get: () => ({ instructions: { get: () => llm } }) } } as unknown as Application;
    confineLocalImages(app, (file) => {
      if (file.includes('apps')) throw new Error('refused');
    });
    const processor = { getParsedValue: (config: unknown) => config };
    const node = (url: string) => ({ id: 1, config: { messages: [image(url)] } });
    expect(llm.run(node('storage/uploads/a.png'), {}, processor)).toBe('done');
    expect(() => llm.run(node('storage/apps/main/x'), {}, processor)).toThrow('refused');
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('leaves an application without the workflow plugin as it is', () => {
    const app = { pm: { get: () => undefined } } as unknown as Application;
    expect(() => confineLocalImages(app, () => undefined)).not.toThrow();
  });
});

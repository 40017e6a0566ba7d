import type { Application } from '@nocobase/server';
import { pauseBetweenPlugins, yieldToOthers } from '../../server/lifecycle/boot-turns';

describe('boot turns', () => {
  it('boot turns: work that is due runs before the boot goes on', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('a request'));
    await yieldToOthers();
    order.push('the boot');
    expect(order).toEqual(['a request', 'the boot']);
  });

  it('boot turns: the load of each plugin is announced by an event whose listener is awaited', async () => {
    const listeners = new Map<string, () => Promise<void>>();
    const app = { on: (event: string, listener: () => Promise<void>) => listeners.set(event, listener) };
    pauseBetweenPlugins(app as unknown as Application);
    let served = false;
    setImmediate(() => (served = true));
    await listeners.get('beforeLoadPlugin')?.();
    expect(served).toBe(true);
  });
});

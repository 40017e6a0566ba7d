import { Turns } from '../../server/resources/turns';

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));

describe('Turns', () => {
  it('lets work on one thing come one after the other, also after a failure, and other things pass by', async () => {
    const turns = new Turns();
    const told: string[] = [];
    const work =
      (name: string, fails = false) =>
      async () => {
        told.push(`${name} begins`);
        await soon();
        told.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };
    const failing = turns.take('crm', work('first', true));
    const second = turns.take('crm', work('second'));
    const other = turns.take('erp', work('other'));
    await expect(failing).rejects.toThrow('first');
    expect(await Promise.all([second, other])).toEqual(['second', 'other']);
    expect(told.filter((line) => !line.startsWith('other'))).toEqual([
      ...['first begins', 'first ends', 'second begins', 'second ends'],
    ]);
    expect(told.indexOf('other begins')).toBeLessThan(told.indexOf('first ends'));
    expect((turns as unknown as { last: Map<string, unknown> }).last.size).toBe(0);
  });
});

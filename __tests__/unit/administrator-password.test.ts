import { resetPassword } from '../../server/administrator-password';

type Host = Parameters<typeof resetPassword>[0];

/** An application in memory. Its database answers an update when the test calls `answer`. */
function world() {
  let answer = () => undefined as void;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const ended: string[] = [];
  const model = {
    primaryKeyAttribute: 'id',
    getAttributes: () => ({ id: {}, password: {}, passwordChangeTz: {} }),
    update: jest.fn(() => answered),
  };
  const users = {
    model,
    hasField: () => true,
    getField: () => ({ hash: (text: string) => Promise.resolve(`hash of ${text}`) }),
  };
  const instance = {
    db: {
      hasCollection: () => true,
      getCollection: () => users,
      getRepository: () => ({ find: () => Promise.resolve([{ toJSON: () => ({ id: 1, username: 'ada' }) }]) }),
      sequelize: {
        transaction: (work: (transaction: object) => Promise<void>) =>
          work({}).then(
            () => void ended.push('commit'),
            (error: unknown) => {
              ended.push('rollback');
              throw error;
            },
          ),
      },
    },
    emitAsync: () => Promise.resolve(),
    cache: { del: () => Promise.resolve() },
  };
  const release = jest.fn();
  const runner = { state: 'running', start: () => Promise.resolve(), lease: () => release };
  const told: object[] = [];
  const host = {
    registry: { get: () => ({ name: 'crm' }) },
    supervisor: { apps: { crm: instance } },
    fence: { within: (_name: string, work: () => unknown) => work() },
    runner: () => runner,
    tell: (event: object) => told.push(event),
  } as unknown as Host;
  return { host, model, answer, ended, told, release };
}

describe('a new password of an administrator', () => {
  afterEach(() => jest.useRealTimers());

  it('is stored as a hash, and told once', async () => {
    const { host, model, answer, ended, told, release } = world();
    answer();
    const changed = await resetPassword(host, 'crm', {}, { kind: 'system' });
    expect(changed).toMatchObject({ id: 1, username: 'ada', password: expect.stringMatching(/^[\w-]{16}$/) as string });
    const values = { password: `hash of ${changed.password}`, passwordChangeTz: expect.any(Number) as number };
    expect(model.update).toHaveBeenCalledWith(values, expect.objectContaining({ hooks: false, where: { id: 1 } }));
    expect([ended, release.mock.calls.length]).toEqual([['commit'], 1]);
    expect(told).toMatchObject([{ type: 'password-reset', message: 'ada' }]);
    expect(JSON.stringify(told)).not.toContain(changed.password);
  });

  it('is not stored after the caller was told that the database does not answer', async () => {
    jest.useFakeTimers();
    const { host, answer, ended, told, release } = world();
    const work = resetPassword(host, 'crm', { password: 'Planted-4712' }, { kind: 'system' });
    const refusal = expect(work).rejects.toMatchObject({ code: 'APP_DATABASE_UNREACHABLE' });
    await jest.advanceTimersByTimeAsync(30_000);
    await refusal;
    expect(release).toHaveBeenCalledTimes(1);
    answer();
    await jest.advanceTimersByTimeAsync(1);
    expect([ended, told]).toEqual([['rollback'], []]);
  });
});

import { absence } from '../../server/absence';
import { Claims } from '../../server/claims';
import type { AppError } from '../../src/errors';
import type { Actor, Operation } from '../../src/events';

const by: Actor = { kind: 'user', id: 7, name: 'alice' };
const record = (name: string) => ({ name, startMode: 'lazy' as const, options: {} });

function thrown(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    return error as AppError;
  }
  throw new Error('nothing was thrown');
}

describe('a name that is not registered', () => {
  const purge: Operation = { kind: 'purge', application: 'old', since: '2026-01-01T00:00:00.000Z', by };
  const bin = { underWay: (name: string) => (name === 'old' ? purge : undefined) };

  it('is being removed, is being made, or is nobody', () => {
    const claims = new Claims();
    const release = claims.take(record('fresh'), { kind: 'import', by });
    expect(absence({ bin, claims }, 'old')).toMatchObject({ code: 'APP_REMOVING', operation: purge });
    const making = { kind: 'import', application: 'fresh', by, since: expect.any(String) as string };
    expect(absence({ bin, claims }, 'fresh')).toMatchObject({ code: 'APP_BEING_MADE', operation: making });
    release();
    const nobody = absence({ bin, claims }, 'fresh');
    expect([nobody.code, nobody.operation]).toEqual(['APP_NOT_FOUND', undefined]);
  });

  it('is taken by the first of two, and the second is told by whom', () => {
    const claims = new Claims();
    const release = claims.take(record('fresh'), { kind: 'creation', by });
    const error = thrown(() => claims.take(record('fresh'), { kind: 'clone', by: { kind: 'system' } }));
    expect(error).toMatchObject({ code: 'APP_NAME_TAKEN', operation: { kind: 'creation', by } });
    release();
    release();
    expect([...claims.all()]).toEqual([]);
    expect(() => claims.assertFree('fresh')).not.toThrow();
  });
});

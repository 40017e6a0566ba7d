import { assertNoFault, OauthStates } from '../../../server/nocobase/oauth-states';

const request = (path: string, { method = 'POST', body = '', url = path } = {}) => ({
  path,
  method,
  originalUrl: url,
  request: { rawBody: body },
});

const REGISTER = '/api/idpOAuth/register';
const AUTHORIZE = '/api/idpOAuth/authorize';

/** How many of so many requests are admitted at once. */
function admitted(states: OauthStates, path: string, count: number): number {
  let passed = 0;
  for (let index = 0; index < count; index += 1) {
    try {
      states.admit(request(path));
      passed += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'APP_TOO_MANY_REQUESTS', params: { name: 'crm' } });
    }
  }
  return passed;
}

describe('what visitors store by the identity provider', () => {
  it('is bounded in number, by the kind of request', () => {
    let now = 0;
    const states = new OauthStates(
      'crm',
      () => Promise.resolve(),
      () => now,
    );
    expect(admitted(states, REGISTER, 100)).toBe(30);
    expect(admitted(states, '/api/idpOAuth/REGISTER/', 5)).toBe(0);
    expect(admitted(states, AUTHORIZE, 100)).toBe(60);
    expect(admitted(states, '/api/idpOAuth/device/auth', 5)).toBe(0);
    expect(admitted(states, '/api/idpOAuth/token', 500)).toBe(500);
    now += 10_000;
    expect([admitted(states, REGISTER, 100), admitted(states, AUTHORIZE, 100)]).toEqual([5, 40]);
  });

  it('is bounded in size', () => {
    const states = new OauthStates('crm', () => Promise.resolve());
    const tooLarge = expect.objectContaining({ code: 'APP_BODY_TOO_LARGE' }) as Error;
    expect(() => states.admit(request(REGISTER, { body: 'x'.repeat(20_000) }))).toThrow(tooLarge);
    expect(() => states.admit(request(AUTHORIZE, { method: 'GET', url: `/?${'x'.repeat(20_000)}` }))).toThrow(tooLarge);
    expect(() => states.admit(request(REGISTER, { body: 'x'.repeat(4_000) }))).not.toThrow();
    expect(() => states.admit(request('/api/idpOAuth/token', { body: 'x'.repeat(20_000) }))).not.toThrow();
  });

  it('is swept once a minute, and after many requests', async () => {
    let now = 0;
    const sweep = jest.fn().mockResolvedValue(undefined);
    const states = new OauthStates('crm', sweep, () => now);
    const swept = async () => {
      await states.sweepIfDue();
      return sweep.mock.calls.length;
    };
    expect([await swept(), await swept()]).toEqual([1, 1]);
    now += 60_000;
    expect([await swept(), await swept()]).toEqual([2, 2]);
    for (let round = 0; round < 2; round += 1) {
      now += 20_000;
      admitted(states, AUTHORIZE, 60);
    }
    expect([await swept(), await swept()]).toEqual([3, 3]);
  });

  it('has a code if the provider has failed', () => {
    const fault = { status: 500, type: 'text/plain', body: 'Internal Server Error' as unknown };
    expect(() => assertNoFault(fault)).toThrow(expect.objectContaining({ code: 'APP_UNEXPECTED' }) as Error);
    expect(fault.body).toBeNull();
    for (const [status, type] of [
      [200, 'text/html'],
      [404, 'text/plain'],
      [500, 'application/json'],
    ] as const) {
      expect(() => assertNoFault({ status, type, body: 'x' })).not.toThrow();
    }
    expect(() => assertNoFault({})).not.toThrow();
  });
});

import { readableFailure, toApiError } from '../../../client/api-error';
import { SupervisorApi } from '../../../client/api';

const answered = (data: unknown) =>
  Object.assign(new Error('Request failed with status code 409'), { response: { data } });

describe('what is told of a failed request', () => {
  it.each([
    [
      answered({ errors: [{ code: 'APP_NAME_TAKEN', message: 'taken' }] }),
      { code: 'APP_NAME_TAKEN', message: 'taken' },
    ],
    [answered({ error: { code: 'APP_STOPPED', message: 'stopped' } }), { code: 'APP_STOPPED', message: 'stopped' }],
    [answered('<html>'), { code: undefined, message: undefined }],
    // axios speaks English only.
    [Object.assign(new Error('Network Error'), { code: 'ERR_NETWORK' }), { code: 'ERR_NETWORK', message: undefined }],
    [undefined, { code: undefined, message: undefined }],
  ])('%s', (error, told) => expect(toApiError(error)).toEqual(told));
});

describe('a file that was refused', () => {
  const refuse = (body: string) => {
    const answer = answered(new Blob([body], { type: 'application/json' }));
    return new SupervisorApi(() => Promise.reject(answer)).downloadArchive('crm-1.tar').catch(toApiError);
  };

  it('is told with its code and its sentence, although these come as a file, too', async () => {
    expect(await refuse('{"errors":[{"code":"APP_ARCHIVE_NOT_FOUND","message":"gone"}]}')).toEqual({
      code: 'APP_ARCHIVE_NOT_FOUND',
      message: 'gone',
    });
  });

  it('is told as it is where nothing can be read', async () => {
    expect(await refuse('<html>')).toEqual({ code: undefined, message: undefined });
    const offline = Object.assign(new Error('Network Error'), { code: 'ERR_NETWORK' });
    expect(await readableFailure(offline)).toBe(offline);
  });
});

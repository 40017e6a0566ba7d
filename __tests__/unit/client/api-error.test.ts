import { toApiError } from '../../../client/api-error';

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

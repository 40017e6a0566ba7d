import type { IncomingMessage } from 'node:http';
import type { Context } from '@nocobase/actions';
import multer from 'multer';
import { assertKnownFields } from '../../src/application-fields';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { isPlainObject } from '../../src/plain-object';

const FILE_FIELD = 'file';
/** Besides the file: the values of the application, and its ID. */
const MAX_FIELDS = 8;
const MAX_FIELD_BYTES = 128 * 1024;

/**
 * Takes in a form with one file, written into the folder as it comes. A client that hangs up is told of as an error.
 * @throws APP_VALUE_INVALID, APP_ARCHIVE_TOO_LARGE, APP_ARCHIVE_STORAGE
 */
export async function receiveUpload(
  ctx: Context,
  folder: string,
  maxBytes: number,
): Promise<{ file: string; values: Record<string, unknown> }> {
  const storage = multer.diskStorage({
    destination: folder,
    filename: (_req, _file, done) => done(null, 'upload.tar'),
  });
  const limits = { fileSize: maxBytes, files: 1, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, fieldNameSize: 100 };
  const receive = multer({ storage, limits }).single(FILE_FIELD);
  const { req, res } = ctx as unknown as { req: IncomingMessage; res: never };
  await new Promise<void>((resolve, reject) => {
    // Of a client that has hung up already, multer would never hear.
    if (req.destroyed) return reject(explainUpload(new Error('Request aborted'), maxBytes));
    receive(req as never, res, (error: unknown) => (error ? reject(explainUpload(error, maxBytes)) : resolve()));
  });
  const { file, body } = req as unknown as { file?: { path: string }; body?: Record<string, unknown> };
  if (!file) throw new AppError('APP_VALUE_INVALID', { field: FILE_FIELD, reason: 'no file was sent' });
  const { name, values } = assertKnownFields({ ...body }, ['name', 'values']);
  return { file: file.path, values: { ...parseValues(values), ...(name === undefined ? {} : { name }) } };
}

function parseValues(text: unknown): Record<string, unknown> {
  if (text === undefined || text === '') return {};
  try {
    const values: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
    if (isPlainObject(values)) return values;
  } catch {
    // Said below.
  }
  throw new AppError('APP_VALUE_INVALID', { field: 'values', reason: 'it must be a JSON object' });
}

function explainUpload(error: unknown, maxBytes: number): AppError {
  const { code, name } = error as { code?: string; name?: string };
  if (code === 'LIMIT_FILE_SIZE')
    return new AppError('APP_ARCHIVE_TOO_LARGE', { limit: Math.floor(maxBytes / 2 ** 20) });
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code) && code !== 'ECONNRESET') {
    return new AppError('APP_ARCHIVE_STORAGE', { reason: code }, error);
  }
  const reason =
    name === 'MulterError'
      ? phrase('the form is not as expected ({code})', { code: code ?? 'unknown' })
      : 'the form cannot be read';
  return new AppError('APP_VALUE_INVALID', { field: FILE_FIELD, reason }, error);
}

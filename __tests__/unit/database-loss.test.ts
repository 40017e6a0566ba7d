import { lossOf, mayBeLoss } from '../../server/databases/loss';
import { AppError, DATABASE_AWAY, ERROR_TABLE, forVisitors, visitorSentence, type ErrorCode } from '../../src/errors';

/** An error as Sequelize hands on that of a driver. */
const sequelize = (name: string, parent: object, message = 'x') =>
  Object.assign(new Error(message), { name: `Sequelize${name}`, parent, original: parent });
const driver = (code: unknown, message = 'x', more: object = {}) =>
  Object.assign(new Error(message), { code, ...more });

describe('a lost database', () => {
  it.each([
    ['PostgreSQL: no such database', sequelize('ConnectionError', driver('3D000')), 'APP_DATABASE_MISSING'],
    ['MariaDB: no such database', sequelize('ConnectionError', driver('ER_BAD_DB_ERROR')), 'APP_DATABASE_MISSING'],
    ['by its number', sequelize('ConnectionError', driver(undefined, 'x', { errno: 1049 })), 'APP_DATABASE_MISSING'],
    ['in the middle of a statement', sequelize('DatabaseError', driver('3D000')), 'APP_DATABASE_MISSING'],
    ['PostgreSQL: the password', sequelize('ConnectionError', driver('28P01')), 'APP_DATABASE_CREDENTIALS'],
    ['MariaDB: the password', sequelize('AccessDeniedError', driver('x')), 'APP_DATABASE_CREDENTIALS'],
    [
      'by its number',
      sequelize('ConnectionError', driver(undefined, 'x', { errno: 1045 })),
      'APP_DATABASE_CREDENTIALS',
    ],
    ['nobody listens', sequelize('ConnectionRefusedError', driver('ECONNREFUSED')), 'APP_DATABASE_UNREACHABLE'],
    ['no such host', sequelize('HostNotFoundError', driver('ENOTFOUND')), 'APP_DATABASE_UNREACHABLE'],
    ['no way to the host', sequelize('HostNotReachableError', driver('EHOSTUNREACH')), 'APP_DATABASE_UNREACHABLE'],
    ['no answer', sequelize('ConnectionTimedOutError', driver('ETIMEDOUT')), 'APP_DATABASE_UNREACHABLE'],
    ['starting', sequelize('ConnectionError', driver('57P03')), 'APP_DATABASE_UNREACHABLE'],
    ['shut down', sequelize('DatabaseError', driver('57P01')), 'APP_DATABASE_UNREACHABLE'],
    ['crashed', sequelize('DatabaseError', driver('57P02')), 'APP_DATABASE_UNREACHABLE'],
    ['dropped', sequelize('DatabaseError', driver('57P04')), 'APP_DATABASE_UNREACHABLE'],
    ['idle for too long', sequelize('DatabaseError', driver('57P05')), 'APP_DATABASE_UNREACHABLE'],
    ['reset', sequelize('DatabaseError', driver('ECONNRESET')), 'APP_DATABASE_UNREACHABLE'],
    ['a broken pipe', sequelize('DatabaseError', driver('EPIPE')), 'APP_DATABASE_UNREACHABLE'],
    [
      'pg without a code',
      sequelize('DatabaseError', driver(undefined, 'Connection terminated unexpectedly')),
      'APP_DATABASE_UNREACHABLE',
    ],
    [
      'pg afterwards',
      sequelize('DatabaseError', driver(undefined, 'Client has encountered a connection error and is not queryable')),
      'APP_DATABASE_UNREACHABLE',
    ],
    ['mysql2: lost', sequelize('DatabaseError', driver('PROTOCOL_CONNECTION_LOST')), 'APP_DATABASE_UNREACHABLE'],
    ['mariadb: closed', sequelize('DatabaseError', driver('ER_SOCKET_UNEXPECTED_CLOSE')), 'APP_DATABASE_UNREACHABLE'],
    ['mariadb: killed', sequelize('DatabaseError', driver('x', 'x', { errno: 1927 })), 'APP_DATABASE_UNREACHABLE'],
    [
      'wrapped once more',
      Object.assign(new Error('y'), { cause: sequelize('ConnectionError', driver('3D000')) }),
      'APP_DATABASE_MISSING',
    ],
  ])('%s', (_name, error, code) => {
    expect(lossOf(error)).toBe(code);
  });

  it.each([
    ['a wrong statement', sequelize('DatabaseError', driver('42601'))],
    ['a table that is not there', sequelize('DatabaseError', driver('42P01'))],
    ['a column that is not there', sequelize('DatabaseError', driver('42703'))],
    ['a statement that took too long', sequelize('DatabaseError', driver('57014'))],
    ['a lock that was waited for', sequelize('TimeoutError', driver('ER_LOCK_WAIT_TIMEOUT'))],
    ['a deadlock', sequelize('DatabaseError', driver('40P01'))],
    ['a division by zero', sequelize('DatabaseError', driver('22012'))],
    ['a right that is missing', sequelize('DatabaseError', driver('42501'))],
    ['a value that exists already', sequelize('UniqueConstraintError', driver('23505'))],
    ['a full disk', sequelize('DatabaseError', driver('53100'))],
    ['a pool that is busy', sequelize('ConnectionAcquireTimeoutError', driver(undefined))],
    ['MariaDB: a wrong statement', sequelize('DatabaseError', driver('ER_PARSE_ERROR', 'x', { errno: 1064 }))],
    [
      'MariaDB: a statement that was killed',
      sequelize('DatabaseError', driver('ER_QUERY_INTERRUPTED', 'x', { errno: 1317 })),
    ],
    ['another server that refuses', driver('ECONNREFUSED')],
    ['fetch', Object.assign(new TypeError('fetch failed'), { cause: driver('ECONNREFUSED') })],
    ['another error that speaks of a connection', new Error('Connection terminated unexpectedly')],
    ['an error of ours', new AppError('APP_DATABASE_UNREACHABLE', { reason: 'x' })],
    ['nothing', undefined],
    ['null', null],
    ['a text', 'ECONNREFUSED'],
    ['a number', 1049],
  ])('is not taken for %s', (_name, error) => {
    expect(lossOf(error)).toBeUndefined();
  });

  it.each([
    [sequelize('DatabaseError', driver('42P01')), true],
    [sequelize('DatabaseError', driver('3F000')), true],
    [sequelize('DatabaseError', driver('ER_NO_SUCH_TABLE')), true],
    [sequelize('DatabaseError', driver('x', 'x', { errno: 1146 })), true],
    [sequelize('DatabaseError', driver('ER_NO_DB_ERROR', 'x', { errno: 1046 })), true],
    [sequelize('DatabaseError', driver('42601')), false],
    [driver('42P01'), false],
    [undefined, false],
  ])('may be the reason of a table that is not there: %#', (error, may) => {
    expect(mayBeLoss(error)).toBe(may);
  });
});

describe('what visitors read of a failure', () => {
  const codes = Object.keys(ERROR_TABLE) as ErrorCode[];
  const details = {
    name: 'crm',
    database: 'Planted',
    reason: 'Planted',
    owner: 'Planted',
    schema: 'Planted',
    seconds: 1,
  };

  it.each(codes.filter((code) => code.startsWith('APP_DATABASE_')))('%s names no database', (code) => {
    const shown = forVisitors(new AppError(code, details));
    expect(shown).toMatchObject({ code, status: ERROR_TABLE[code].status });
    expect(shown.message).not.toContain('Planted');
    if (code !== 'APP_DATABASE_BUSY') expect(visitorSentence(shown)).toBe(DATABASE_AWAY);
  });

  it('is the sentence of the table for every other code', () => {
    const error = new AppError('APP_STOPPED', { name: 'crm' });
    expect(forVisitors(error)).toBe(error);
    expect(visitorSentence(error)).toBe(ERROR_TABLE.APP_STOPPED.message);
  });
});

import { createRequire } from 'node:module';
import path from 'node:path';
import type Database from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { boundFieldSizes, guardSizes } from '../../../server/nocobase/field-sizes';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { Field, NanoidField, PasswordField } = host('@nocobase/database') as Record<string, FieldClass>;
const { SequenceField } = host('./@nocobase/plugin-field-sequence/dist/server/fields/sequence-field.js') as Record<
  string,
  FieldClass
>;

type Listener = (instances: unknown, options?: object) => Promise<unknown>;
interface Made {
  bind(): void;
  listener: Listener;
  setValue: Listener;
  setGroupValue: Listener;
  hash(password: string): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}
type FieldClass = (new (options: object, context: object) => Made) & { prototype: Made };

const app = { log: { warn: jest.fn() } } as unknown as Application;

function databaseOf(kind: 'application' | 'main'): Database {
  const db = {
    on: jest.fn(),
    sequelize: { getDialect: () => 'postgres', normalizeDataType: (type: unknown) => type },
    options: {},
  } as unknown as Database;
  if (kind === 'application') boundFieldSizes(app, db);
  // The class that this test has, too.
  guardSizes(Field!.prototype as never);
  return db;
}

/** Makes a field as a collection does, and binds it. */
function make(type: string, options: object, kind: 'application' | 'main' = 'application'): Made {
  const database = databaseOf(kind);
  const model = { rawAttributes: {}, refreshAttributes: jest.fn(), autoIncrementAttribute: undefined };
  const collection = { name: 'rows', model, options: {}, context: { database } };
  const fieldClass = { nanoid: NanoidField, password: PasswordField, sequence: SequenceField }[type]!;
  const field = new fieldClass({ name: 'v', type, ...options }, { database, collection });
  field.bind();
  return field;
}

/** Returns the value that a listener writes, or the code of the error. */
async function valueOf(run: (instance: object) => Promise<unknown>): Promise<string> {
  const written: string[] = [];
  const instance = {
    get: () => undefined,
    changed: () => true,
    set: (_: string, value: string) => written.push(value),
  };
  try {
    await run(instance);
    return written.join();
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

const part = (options: object) => ({ patterns: [{ type: 'integer', options }] });

describe('fields that make values of a length among their options', () => {
  it.each([256, 20_000_000, '20000000', '12', 2.5, true, 2 ** 31, 1e300, -1, 'many', [1, 2], { valueOf: 'x' }])(
    'a field "nanoid" of the size %j makes nothing',
    async (size) => {
      const field = make('nanoid', { size });
      expect(await valueOf((instance) => field.listener([instance]))).toBe('APP_VALUE_INVALID');
    },
  );

  it.each([
    [undefined, 12],
    [null, 12],
    [0, 12],
    [1, 1],
    [255, 255],
  ])('a field "nanoid" of the size %j makes a text of %d characters', async (size, length) => {
    const field = make('nanoid', { size });
    expect(await valueOf((instance) => field.listener([instance]))).toHaveLength(length);
  });

  it.each([[[]], ['x'.repeat(257)], [7], [{}]])(
    'a field "nanoid" with the alphabet %j makes nothing',
    async (customAlphabet) => {
      const field = make('nanoid', { customAlphabet });
      expect(await valueOf((instance) => field.listener([instance]))).toBe('APP_VALUE_INVALID');
    },
  );

  it('a field "nanoid" makes a text of its alphabet', async () => {
    const field = make('nanoid', { customAlphabet: 'ab', size: 20 });
    expect(await valueOf((instance) => field.listener([instance]))).toMatch(/^[ab]{20}$/);
    expect(await valueOf((instance) => make('nanoid', { customAlphabet: '' }).listener([instance]))).toHaveLength(12);
  });

  it.each(['1}|(a+)+$|x{1', '3', 1.5])('a sequence compares nothing with the digits %j', (digits) => {
    const field = make('sequence', { ...part({ digits }), inputable: true, match: true }) as unknown as {
      match(value: string): unknown;
      validate(instance: object): unknown;
    };
    const value = `${'a'.repeat(40)}!`;
    const refused = expect.objectContaining({ code: 'APP_VALUE_INVALID' }) as Error;
    expect(() => field.match(value)).toThrow(refused);
    expect(() => field.validate({ get: () => value })).toThrow(refused);
  });

  it.each([
    part({ digits: 100_000_000 }),
    { patterns: [{ type: 'randomChar', options: { length: 6, charsets: Array(50_000).fill('number') } }] },
    { patterns: [{ type: 'string', options: { value: { length: 3 } } }] },
    part({ digits: 0 }),
    part({ digits: 3, base: 1e9 }),
    part({ digits: 3, base: 1 }),
    part({ start: '9'.repeat(400) }),
    { patterns: [{ type: 'randomChar', options: { length: 3_000_000, charsets: ['number'] } }] },
    { patterns: [{ type: 'string', options: { value: 'x'.repeat(256) } }] },
    { patterns: Array.from({ length: 101 }, () => ({ type: 'string', options: { value: 'x' } })) },
  ])('a sequence makes nothing with %j', async (options) => {
    const field = make('sequence', options);
    expect(await valueOf((instance) => field.setValue(instance, {}))).toBe('APP_VALUE_INVALID');
    expect(await valueOf((instance) => field.setGroupValue([instance], {}))).toBe('APP_VALUE_INVALID');
  });

  it('a sequence of texts makes them', async () => {
    const field = make('sequence', { patterns: [{ type: 'string', options: { value: 'INV-' } }] });
    expect(await valueOf((instance) => field.setValue(instance, {}))).toBe('INV-');
  });

  it.each([{ length: 2_000_000_000 }, { length: 256 }, { randomBytesSize: 1_000_000_000 }])(
    'a password is neither stored nor compared with %j',
    async (options) => {
      const field = make('password', options);
      expect(await valueOf(() => field.hash('x'))).toBe('APP_VALUE_INVALID');
      expect(await valueOf(() => field.verify('x', 'y'))).toBe('APP_VALUE_INVALID');
    },
  );

  it('a password of the usual size is stored and compared, also after its field is bound again', async () => {
    const field = make('password', {});
    field.bind();
    expect(await field.verify('secret', await field.hash('secret'))).toBe(true);
    expect(await field.verify('other', await field.hash('secret'))).toBe(false);
  });

  it('fields of the main application are as they were', async () => {
    const field = make('nanoid', { size: 300 }, 'main');
    expect(await valueOf((instance) => field.listener([instance]))).toHaveLength(300);
    expect(app.log.warn).not.toHaveBeenCalled();
  });
});

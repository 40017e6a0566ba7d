import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { generateSecret, SecretBox, type AppSecrets } from '../../server/databases/secrets';

const KEY = 'a1'.repeat(32);
const OTHER_KEY = 'b2'.repeat(32);
const secrets: AppSecrets = {
  jwtSecret: 'Planted-jwt',
  databasePassword: 'Planted-пароль-密码',
  admin: { email: 'a@b.c', username: null, nickname: null, passwordHash: 'x' },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'secrets-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const keyFile = () => path.join(folder, 'apps', 'main', 'key.dat');
const box = (key: string | undefined = KEY) => new SecretBox(keyFile(), key);

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

describe('generateSecret', () => {
  it('is 256 bits in hexadecimal digits, another each time', () => {
    const made = Array.from({ length: 100 }, generateSecret);
    for (const secret of made) expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(made).size).toBe(100);
  });
});

describe('seal and open', () => {
  it('give back what was put in', () => {
    expect(box().open('crm', box().seal('crm', secrets))).toEqual(secrets);
  });

  it('give back any secrets of any application', () => {
    const one = box();
    const text = fc.string({ unit: 'binary-ascii' });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text, text, (name, jwtSecret, databasePassword) => {
        const given = { jwtSecret, databasePassword };
        expect(one.open(name, one.seal(name, given))).toEqual(given);
      }),
    );
  });

  it('show nothing of it, and never twice the same', () => {
    const sealed = box().seal('crm', secrets);
    expect(sealed).not.toContain('Planted');
    expect(Buffer.from(sealed.slice(3), 'base64').toString('latin1')).not.toContain('Planted');
    expect(sealed).not.toBe(box().seal('crm', secrets));
  });

  it.each([undefined, ''])('take %p for no secrets, without a key', (sealed) => {
    expect(box('not a key').open('crm', sealed)).toEqual({});
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('names of locks', () => {
  it('are the same for the same text and key, and others for other ones', () => {
    const name = box().deriveName('crm');
    expect(name).toMatch(/^[0-9a-f]{60}$/);
    expect(box().deriveName('crm')).toBe(name);
    expect(box().deriveName('erp')).not.toBe(name);
    expect(box('b'.repeat(64)).deriveName('crm')).not.toBe(name);
  });
});

describe('what cannot be opened', () => {
  it("is another application's", () => {
    const sealed = box().seal('crm', secrets);
    expect(codeOf(() => box().open('erp', sealed))).toBe('APP_SECRETS_UNREADABLE');
  });

  it('was sealed with another key', () => {
    const sealed = box(OTHER_KEY).seal('crm', secrets);
    expect(codeOf(() => box().open('crm', sealed))).toBe('APP_SECRETS_UNREADABLE');
  });

  it('was changed in any place', () => {
    const sealed = box().seal('crm', secrets);
    const bytes = Buffer.from(sealed.slice(3), 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      expect(codeOf(() => box().open('crm', `v1:${changed.toString('base64')}`))).toBe('APP_SECRETS_UNREADABLE');
    }
  });

  it('was cut off anywhere', () => {
    const sealed = box().seal('crm', secrets);
    const bytes = Buffer.from(sealed.slice(3), 'base64');
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = `v1:${bytes.subarray(0, length).toString('base64')}`;
      expect(codeOf(() => box().open('crm', cut))).toBe('APP_SECRETS_UNREADABLE');
    }
  });

  it.each(['x', 'v1', 'v1:', 'v2:AAAA', '{"jwtSecret":"x"}', ':::', '\u0000'])('is "%s"', (sealed) => {
    expect(codeOf(() => box().open('crm', sealed))).toBe('APP_SECRETS_UNREADABLE');
  });

  it('says so without the key and without what is in it', () => {
    const sealed = box().seal('crm', secrets);
    try {
      box(OTHER_KEY).open('crm', sealed);
      throw new Error('it was opened');
    } catch (error) {
      const { message, params } = error as { message: string; params: unknown };
      expect(`${message}${JSON.stringify(params)}`).not.toMatch(/Planted|a1a1|b2b2|v1:/);
    }
  });
});

describe('the key', () => {
  it.each(['short', 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'a'.repeat(32)])(
    'of the environment is refused when it is "%s", and makes no file',
    (key) => {
      expect(codeOf(() => box(key).seal('crm', secrets))).toBe('APP_SECRETS_KEY_INVALID');
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('of the environment may be written in upper case, with a line end', () => {
    const sealed = box(`${KEY.toUpperCase()}\n`).seal('crm', secrets);
    expect(box().open('crm', sealed)).toEqual(secrets);
  });

  it('comes from a file without the environment: made once, and readable by its owner only', () => {
    const first = new SecretBox(keyFile(), '');
    const sealed = first.seal('crm', secrets);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    const written = readFileSync(keyFile(), 'utf8');
    expect(written).toMatch(/^[0-9a-f]{64}$/);
    expect(new SecretBox(keyFile(), '').open('crm', sealed)).toEqual(secrets);
    expect(readFileSync(keyFile(), 'utf8')).toBe(written);
  });

  it('is not made before it is needed', () => {
    new SecretBox(keyFile(), '').open('crm', undefined);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is one, when two boxes make it at once, and nothing else stays behind', () => {
    const [one, two] = [new SecretBox(keyFile(), ''), new SecretBox(keyFile(), '')];
    // The second comes between the first one's look and its writing.
    const make = two as unknown as { createKeyFile(): void };
    const sealed = one.seal('crm', secrets);
    make.createKeyFile();
    expect(two.open('crm', sealed)).toEqual(secrets);
    expect(one.open('erp', two.seal('erp', secrets))).toEqual(secrets);
    expect(readdirSync(path.dirname(keyFile()))).toEqual([path.basename(keyFile())]);
  });

  it('of a file that is none is refused, and the file stays as it is', () => {
    const file = path.join(folder, 'key.dat');
    writeFileSync(file, 'half a k');
    const broken = new SecretBox(file, '');
    expect(codeOf(() => broken.seal('crm', secrets))).toBe('APP_SECRETS_KEY_INVALID');
    expect(readFileSync(file, 'utf8')).toBe('half a k');
  });
});

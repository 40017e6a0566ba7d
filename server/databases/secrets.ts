import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../src/errors';
import type { DatabaseRole } from './dialect';

/** What an application keeps secret. Stored encrypted in the hidden column `secrets`, never in `options`. */
export interface AppSecrets {
  /** Signs the application's tokens; an application without one goes on sharing the main application's. */
  jwtSecret?: string;
  databasePassword?: string;
  /** The application's own role at the database server. */
  role?: AppRole;
  /** The first administrator, with the password hash, until the application has it. */
  admin?: { email: string | null; username: string | null; nickname: string | null; passwordHash: string };
}

/** A role that is recorded before it is created, so that no interruption leaves one that nobody knows. */
export interface AppRole extends DatabaseRole {
  /** The application does not use it yet: its data is still to be moved. */
  pending?: true;
  /** How many connections the server allows it, as far as the row knows. */
  connections?: number;
}

const VERSION = 'v1';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A fresh secret of 256 bits. */
export function generateSecret(): string {
  return randomBytes(32).toString('hex');
}

/** The role that the application uses; undefined while it uses the main application's. */
export function roleInUse({ role }: AppSecrets): DatabaseRole | undefined {
  return role?.pending ? undefined : role;
}

/** 192 bits; with a character of each kind that password policies of servers ask for, and none that needs quoting. */
export function generateRolePassword(): string {
  return `${randomBytes(24).toString('base64url')}-aA1`;
}

/**
 * Encrypts and decrypts application secrets (AES-256-GCM; the application's name is authenticated along, so that one
 * row's secrets are worth nothing in another row). The key comes from `APP_SUPERVISOR_AES_SECRET_KEY`, else from a
 * key file that is made on first use, readable by its owner only.
 */
export class SecretBox {
  private key?: Buffer;

  constructor(
    private readonly keyFile: string,
    private readonly environmentKey: string | undefined = process.env.APP_SUPERVISOR_AES_SECRET_KEY,
  ) {}

  /** @throws APP_SECRETS_KEY_INVALID */
  seal(appName: string, secrets: AppSecrets): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.getKey(), iv).setAAD(Buffer.from(appName));
    const text = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()]);
    return `${VERSION}:${Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64')}`;
  }

  /** Nothing sealed means no secrets. @throws APP_SECRETS_UNREADABLE, APP_SECRETS_KEY_INVALID */
  open(appName: string, sealed: string | undefined): AppSecrets {
    if (!sealed) return {};
    const key = this.getKey();
    try {
      const [version, body = ''] = sealed.split(':');
      if (version !== VERSION) throw new Error('unknown version');
      const bytes = Buffer.from(body, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES))
        .setAAD(Buffer.from(appName))
        .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
      return JSON.parse(text.toString('utf8')) as AppSecrets;
    } catch (error) {
      throw new AppError('APP_SECRETS_UNREADABLE', { name: appName }, error);
    }
  }

  /**
   * A name that the main application alone can compute, always the same for the same text: 60 hexadecimal digits.
   * @throws APP_SECRETS_KEY_INVALID
   */
  deriveName(text: string): string {
    return createHmac('sha256', this.getKey()).update(`name\0${text}`).digest('hex').slice(0, 60);
  }

  private getKey(): Buffer {
    this.key ??= parseKey(this.environmentKey || this.readOrCreateKeyFile());
    return this.key;
  }

  private readOrCreateKeyFile(): string {
    if (!existsSync(this.keyFile)) this.createKeyFile();
    return readFileSync(this.keyFile, 'utf8');
  }

  /** Written beside and linked into place: whoever comes second takes the first one's key, and never half a key. */
  private createKeyFile(): void {
    mkdirSync(path.dirname(this.keyFile), { recursive: true, mode: 0o700 });
    const draft = `${this.keyFile}.${process.pid}.${randomBytes(4).toString('hex')}`;
    writeFileSync(draft, generateSecret(), { mode: 0o600, flag: 'wx' });
    try {
      linkSync(draft, this.keyFile);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
}

function parseKey(text: string): Buffer {
  const hex = text.trim();
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw new AppError('APP_SECRETS_KEY_INVALID');
  return Buffer.from(hex, 'hex');
}

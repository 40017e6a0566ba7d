import { AppError } from '../../src/errors';
import type { Reason } from '../../src/phrase';

/**
 * The part of the tar format (POSIX ustar) that our archives are made of: plain files with short names, one after the
 * other. Reading takes nothing else: where there are no links, folders and long names, there is nothing that could lead
 * out of a folder. Every program for tar files reads what is written here.
 */
export const BLOCK = 512;
/** Two empty blocks. */
export const END_BLOCKS = Buffer.alloc(2 * BLOCK);

const NAME_BYTES = 100;
const SIZE = { at: 124, length: 12 };
const CHECKSUM = { at: 148, length: 8 };
/** The largest number in eleven octal digits; beyond it the size is written in bytes, as GNU tar does. */
const MAX_OCTAL = 8 ** 11 - 1;

export interface TarEntry {
  name: string;
  /** In bytes. */
  size: number;
}

/** What is written after so many bytes, to fill the last block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function checksumOf(block: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    const inside = at >= CHECKSUM.at && at < CHECKSUM.at + CHECKSUM.length;
    sum += inside ? 0x20 : (block[at] ?? 0);
  }
  return sum;
}

/** @param modifiedAt in epoch milliseconds */
export function encodeHeader({ name, size }: TarEntry, modifiedAt: number): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES) throw new Error('a name in an archive is too long');
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
  block.write(name, 0, 'utf8');
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (size <= MAX_OCTAL) octal(size, SIZE.at, SIZE.length);
  else {
    block[SIZE.at] = 0x80;
    block.writeBigUInt64BE(BigInt(size), SIZE.at + SIZE.length - 8);
  }
  octal(Math.floor(modifiedAt / 1_000), 136, 12);
  block.write('0', 156, 'latin1');
  block.write('ustar\0' + '00', 257, 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, CHECKSUM.at, 'latin1');
  return block;
}

function textAt(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? length : end).toString('utf8');
}

function numberAt(block: Buffer, at: number, length: number): number {
  if (block[at] === 0x80) return Number(block.readBigUInt64BE(at + length - 8));
  const digits = textAt(block, at, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : NaN;
}

/** Undefined for an empty block, with which an archive ends. @throws APP_ARCHIVE_INVALID */
export function decodeHeader(block: Buffer): TarEntry | undefined {
  const invalid = (reason: Reason) => new AppError('APP_ARCHIVE_INVALID', { reason });
  if (block.every((byte) => byte === 0)) return undefined;
  if (textAt(block, 257, 6) !== 'ustar') throw invalid('it is not a tar file');
  if (numberAt(block, CHECKSUM.at, CHECKSUM.length) !== checksumOf(block)) throw invalid('it is damaged');
  const kind = block[156];
  if (kind !== 0x30 && kind !== 0) throw invalid('it contains something other than plain files');
  // A link's target, and the front part of a long name.
  if (textAt(block, 157, 100) !== '' || textAt(block, 345, 155) !== '')
    throw invalid('the name of a file in it is not allowed');
  const size = numberAt(block, SIZE.at, SIZE.length);
  if (!Number.isSafeInteger(size) || size < 0) throw invalid('it is damaged');
  return { name: textAt(block, 0, NAME_BYTES), size };
}

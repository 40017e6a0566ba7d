import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import {
  checkManifestSize,
  contentSize,
  MANIFEST,
  MAX_MANIFEST_BYTES,
  parseManifest,
  type ArchiveManifest,
  type ArchivePart,
} from '../../src/archive-manifest';
import { JsonMeter } from '../../src/body-meter';
import { AppError } from '../../src/errors';
import { phrase, type Reason } from '../../src/phrase';
import { BLOCK, decodeHeader, encodeHeader, END_BLOCKS, padding } from './tar';

type Progress = (bytes: number) => void;

const CHUNK = 1 << 20;

function invalid(reason: Reason): AppError {
  return new AppError('APP_ARCHIVE_INVALID', { reason });
}

/** The checksum of a file, in hexadecimal digits, and its size in bytes. */
export async function digestFile(file: string, signal?: AbortSignal): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(file, { signal, highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { sha256: hash.digest('hex'), size };
}

/**
 * Writes an archive, readable by its owner only. The sources must hold what the manifest says of them.
 * @param sourceOf the file that a part is read from
 * @throws APP_ARCHIVE_STORAGE when a source changed meanwhile, and the errors of the file system
 */
export async function writeArchive(
  target: string,
  manifest: ArchiveManifest,
  sourceOf: (part: ArchivePart) => string,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: Progress } = {},
): Promise<void> {
  const modifiedAt = Date.parse(manifest.createdAt);
  const handle = await open(target, 'wx', 0o600);
  try {
    const text = Buffer.from(JSON.stringify(manifest, null, 1));
    await handle.writeFile(encodeHeader({ name: MANIFEST, size: text.length }, modifiedAt));
    await handle.writeFile(Buffer.concat([text, Buffer.alloc(padding(text.length))]));
    for (const part of manifest.parts) {
      await handle.writeFile(encodeHeader(part, modifiedAt));
      const hash = createHash('sha256');
      let written = 0;
      const source = createReadStream(sourceOf(part), { signal, highWaterMark: CHUNK });
      for await (const chunk of source as AsyncIterable<Buffer>) {
        hash.update(chunk);
        await handle.writeFile(chunk);
        written += chunk.length;
        onProgress?.(chunk.length);
      }
      // An upload may be written over in place.
      if (written !== part.size || hash.digest('hex') !== part.sha256)
        throw new AppError('APP_ARCHIVE_STORAGE', { reason: 'a file changed while it was read' });
      await handle.writeFile(Buffer.alloc(padding(written)));
    }
    await handle.writeFile(END_BLOCKS);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An archive whose every byte was looked at. */
export interface OpenArchive {
  manifest: ArchiveManifest;
  read(part: ArchivePart, signal?: AbortSignal): Readable;
}

async function readExactly(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, at + filled);
    if (!bytesRead) throw invalid('it is incomplete');
    filled += bytesRead;
  }
  return buffer;
}

async function readHeader(handle: FileHandle, at: number): Promise<{ name: string; size: number }> {
  const header = decodeHeader(await readExactly(handle, at, BLOCK));
  if (!header) throw invalid('a part is missing');
  return header;
}

/** Measures the manifest piece by piece, so that a hostile one blocks the process neither here nor when it is parsed. */
async function readManifest(handle: FileHandle, size: number): Promise<string> {
  const meter = new JsonMeter();
  const pieces: Buffer[] = [];
  for (let at = 0; at < size; at += CHUNK) {
    const piece = await readExactly(handle, BLOCK + at, Math.min(CHUNK, size - at));
    meter.read(piece);
    checkManifestSize({ bytes: size, values: meter.values, depth: meter.depth });
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Only what the manifest names, in its order, with its checksums, and then the end. */
async function checkParts(
  handle: FileHandle,
  manifest: ArchiveManifest,
  first: number,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: Progress },
): Promise<Map<string, number>> {
  const places = new Map<string, number>();
  let at = first;
  for (const part of manifest.parts) {
    const header = await readHeader(handle, at);
    if (header.name !== part.name || header.size !== part.size)
      throw invalid('its parts are not the ones that its manifest lists');
    at += BLOCK;
    places.set(part.name, at);
    const hash = createHash('sha256');
    for (let left = part.size; left > 0;) {
      signal?.throwIfAborted();
      const chunk = await readExactly(handle, at + part.size - left, Math.min(left, CHUNK));
      hash.update(chunk);
      left -= chunk.length;
      onProgress?.(chunk.length);
    }
    if (hash.digest('hex') !== part.sha256)
      throw invalid(phrase('the checksum of {part} is wrong', { part: part.name }));
    at += part.size + padding(part.size);
  }
  const end = await readExactly(handle, at, END_BLOCKS.length);
  if (!end.equals(END_BLOCKS) || (await handle.stat()).size !== at + END_BLOCKS.length) {
    throw invalid('it contains more than its manifest lists');
  }
  return places;
}

/**
 * Opens an archive after checking all of it; writes nothing.
 * @param maxBytes what the file may have
 * @throws APP_ARCHIVE_INVALID, APP_ARCHIVE_TOO_LARGE
 */
export async function openArchive(
  file: string,
  maxBytes: number,
  progress: { signal?: AbortSignal; onProgress?: Progress } = {},
): Promise<OpenArchive> {
  const handle = await open(file, 'r');
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw invalid('it is not a file');
    const limit = () => new AppError('APP_ARCHIVE_TOO_LARGE', { limit: Math.floor(maxBytes / 2 ** 20) });
    if (stats.size > maxBytes) throw limit();
    const header = await readHeader(handle, 0);
    if (header.name !== MANIFEST) throw invalid('it does not begin with its manifest');
    if (header.size > MAX_MANIFEST_BYTES) throw invalid('its manifest is too large');
    const manifest = parseManifest(await readManifest(handle, header.size));
    if (contentSize(manifest) > maxBytes) throw limit();
    const places = await checkParts(handle, manifest, BLOCK + header.size + padding(header.size), progress);
    return { manifest, read: (part, signal) => readPart(file, places.get(part.name) ?? 0, part, signal) };
  } finally {
    await handle.close();
  }
}

function readPart(file: string, start: number, part: ArchivePart, signal?: AbortSignal): Readable {
  // A range of no bytes cannot be said.
  if (part.size === 0) return Readable.from([]);
  return createReadStream(file, { start, end: start + part.size - 1, signal, highWaterMark: CHUNK });
}

import { deflateRawSync } from 'node:zlib';

/** A zip file with these entries, in this order. The checksums are left out: NocoBase does not compare them. */
export function zipFile(entries: readonly (readonly [name: string, content: Buffer | string])[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of entries) {
    const [text, plain] = [Buffer.from(name), Buffer.from(content)];
    const packed = deflateRawSync(plain);
    // Version, flags, method, time, date, checksum; then the sizes, and the length of the name.
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(8, 4);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(plain.length, 18);
    shared.writeUInt16LE(text.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), shared, text, packed]);
    directory.push(Buffer.from('PK\x01\x02\x14\0', 'latin1'), shared, place, text);
    files.push(file);
    offset += file.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, central, Buffer.from('PK\x05\x06'), end]);
}

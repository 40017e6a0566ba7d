// @ts-check
/**
 * Draws the pictures of the demo applications: a white sign on a coloured square, as a PNG. Shapes are functions that
 * return the distance of a point from an edge (negative inside), so that edges can be smoothed.
 */
import { deflateSync } from 'node:zlib';

const SIZE = 128;

/** @typedef {(x: number, y: number) => number} Shape */

/** @type {(cx: number, cy: number, r: number) => Shape} */
const circle = (cx, cy, r) => (x, y) => Math.hypot(x - cx, y - cy) - r;

/** @type {(cx: number, cy: number, halfWidth: number, halfHeight: number, r: number) => Shape} */
const box = (cx, cy, halfWidth, halfHeight, r) => (x, y) => {
  const dx = Math.abs(x - cx) - halfWidth + r;
  const dy = Math.abs(y - cy) - halfHeight + r;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - r;
};

/** @type {(...shapes: Shape[]) => Shape} */
const union =
  (...shapes) =>
  (x, y) =>
    Math.min(...shapes.map((shape) => shape(x, y)));

/** @type {(shape: Shape, hole: Shape) => Shape} */
const without = (shape, hole) => (x, y) => Math.max(shape(x, y), -hole(x, y));

/** @type {(shape: Shape, bottom: number) => Shape} */
const above = (shape, bottom) => (x, y) => Math.max(shape(x, y), y - bottom);

/** @type {(cx: number, cy: number, scale: number) => Shape} */
const person = (cx, cy, scale) =>
  union(circle(cx, cy, 13 * scale), above(circle(cx, cy + 42 * scale, 25 * scale), cy + 42 * scale));

/** @type {Record<string, { from: number[], to: number[], sign: Shape }>} */
const PICTURES = {
  people: {
    from: [22, 119, 255],
    to: [16, 60, 180],
    sign: union(without(union(person(42, 50, 0.8), person(86, 50, 0.8)), person(64, 52, 1.22)), person(64, 52, 1)),
  },
  bag: {
    from: [250, 140, 22],
    to: [212, 56, 13],
    sign: union(
      without(box(64, 76, 30, 26, 8), union(circle(52, 64, 3.5), circle(76, 64, 3.5))),
      above(without(circle(64, 50, 18), circle(64, 50, 11)), 52),
    ),
  },
};

/**
 * @param {string} name a key of `PICTURES`
 * @returns {string} a data URI
 */
export function drawPicture(name) {
  const { from, to, sign } = PICTURES[name];
  const square = box(64, 64, 64, 64, 24);
  const rows = Buffer.alloc(SIZE * (1 + SIZE * 4)); // a row begins with the number of its filter: 0, none
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const white = cover(sign(x + 0.5, y + 0.5));
      const blend = (x + y) / (2 * SIZE);
      const at = y * (1 + SIZE * 4) + 1 + x * 4;
      for (const channel of [0, 1, 2]) {
        const colour = from[channel] + (to[channel] - from[channel]) * blend;
        rows[at + channel] = Math.round(colour + (255 - colour) * white);
      }
      rows[at + 3] = Math.round(255 * cover(square(x + 0.5, y + 0.5)));
    }
  }
  return `data:image/png;base64,${encodePng(rows).toString('base64')}`;
}

/**
 * How much of a pixel a shape covers, from the distance of its centre from the edge.
 * @param {number} distance
 */
const cover = (distance) => Math.min(1, Math.max(0, 0.5 - distance));

/** @param {Buffer} rows 8 bits for each of red, green, blue and opacity */
function encodePng(rows) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 6], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/**
 * @param {string} type
 * @param {Buffer} content
 */
function chunk(type, content) {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, check]);
}

/**
 * The check sum of a chunk; Node has it only from 20.15 on.
 * @param {Buffer} bytes
 */
function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

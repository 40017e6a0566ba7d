import { MAX_ICON_BYTES } from '../../../src/icon-image';

const SIDE = 128;
const QUALITIES = [0.9, 0.7, 0.5];

function load(file: Blob): Promise<HTMLImageElement> {
  const url = URL.createObjectURL(file);
  return new Promise<HTMLImageElement>((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error('the file holds no image that the browser can read'));
    image.src = url;
  }).finally(() => URL.revokeObjectURL(url));
}

/** Where an image of these sides goes in a square, whole and in its middle. */
export function fitInto(side: number, width: number, height: number): [x: number, y: number, w: number, h: number] {
  const scale = side / Math.max(width, height, 1);
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  return [Math.round((side - w) / 2), Math.round((side - h) / 2), w, h];
}

const bytesOf = (uri: string) => ((uri.length - uri.indexOf(',') - 1) * 3) / 4;

/** A file as a small square picture in a data URI that the server takes. */
export async function toIconImage(file: Blob): Promise<string> {
  const image = await load(file);
  const canvas = document.createElement('canvas');
  canvas.width = SIDE;
  canvas.height = SIDE;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('the browser draws no images');
  context.imageSmoothingQuality = 'high';
  // An SVG may have no size of its own.
  context.drawImage(image, ...fitInto(SIDE, image.naturalWidth || SIDE, image.naturalHeight || SIDE));
  const png = canvas.toDataURL('image/png');
  const tries = [png, ...QUALITIES.map((quality) => canvas.toDataURL('image/webp', quality))];
  return tries.find((uri) => bytesOf(uri) <= MAX_ICON_BYTES) ?? png;
}

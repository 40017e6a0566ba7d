import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.resolve(__dirname, '../../docs/guides');
const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;
/** What a piece is says its first comment: the path of the file that it is. */
const TITLE = /^(?:#!.*\n)?# (\/\S+)\n/;

export interface GuidePiece {
  guide: string;
  language: string;
  text: string;
  /** Of a piece that is a file. */
  file?: string;
}

/** What stands in the code fences of all guides, in their order. */
export function guidePieces(): GuidePiece[] {
  const guides = readdirSync(FOLDER).filter((file) => file.endsWith('.md'));
  return guides.sort().flatMap((guide) =>
    [...readFileSync(path.join(FOLDER, guide), 'utf8').matchAll(FENCE)].map(([, language = '', text = '']) => ({
      guide,
      language,
      text,
      file: TITLE.exec(text)?.[1],
    })),
  );
}

/** A file as a guide tells it. */
export function guideFile(file: string): string {
  const [piece, ...others] = guidePieces().filter((candidate) => candidate.file === file);
  if (!piece || others.length > 0) throw new Error(`${others.length + (piece ? 1 : 0)} guides tell ${file}`);
  return piece.text;
}

/** Fills in what is different where the file is tried; what is not there to be replaced is an error. */
export function filledIn(text: string, values: Record<string, string>): string {
  for (const [told, here] of Object.entries(values)) {
    if (!text.includes(told)) throw new Error(`nothing to replace: ${told}`);
    text = text.replaceAll(told, here);
  }
  return text;
}

/** What a body holds, as far as it has arrived. */
export interface BodyMeasure {
  bytes: number;
  /** Elements, members and the names of members: what parsing and copying costs. */
  values: number;
  /** The deepest nesting so far. */
  depth: number;
}

/** Measures a body while it arrives, in pieces of any size. */
export interface BodyMeter extends Readonly<BodyMeasure> {
  read(piece: Uint8Array): void;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const AMPERSAND = 0x26;

/** Counts bytes only: a body that is not parsed as a whole. */
export class ByteMeter implements BodyMeter {
  bytes = 0;
  readonly values = 0;
  readonly depth = 0;

  read(piece: Uint8Array): void {
    this.bytes += piece.length;
  }
}

/** Counts the parameters of a form that is encoded like a query. */
export class FormMeter implements BodyMeter {
  bytes = 0;
  values = 0;
  readonly depth = 0;

  read(piece: Uint8Array): void {
    this.bytes += piece.length;
    for (let at = piece.indexOf(AMPERSAND); at >= 0; at = piece.indexOf(AMPERSAND, at + 1)) this.values += 1;
  }
}

/**
 * Counts the values and the nesting of JSON without parsing it: every comma, every colon and every opening bracket
 * outside strings is one value. An object of many names costs several times as much as an array of as many elements:
 * a member counts as two.
 */
export class JsonMeter implements BodyMeter {
  bytes = 0;
  values = 0;
  depth = 0;
  private level = 0;
  private inString = false;
  private escaped = false;

  read(piece: Uint8Array): void {
    this.bytes += piece.length;
    for (let at = 0; at < piece.length; at += 1) {
      if (this.inString) {
        at = this.skipString(piece, at);
        continue;
      }
      switch (piece[at]) {
        case QUOTE:
          this.inString = true;
          break;
        case COLON:
        case COMMA:
          this.values += 1;
          break;
        case OPENING_BRACKET:
        case OPENING_BRACE:
          this.values += 1;
          this.level += 1;
          if (this.level > this.depth) this.depth = this.level;
          break;
        case CLOSING_BRACKET:
        case CLOSING_BRACE:
          this.level -= 1;
          break;
      }
    }
  }

  /** Returns where the string ends, or the end of the piece. */
  private skipString(piece: Uint8Array, from: number): number {
    let at = from;
    if (this.escaped) {
      this.escaped = false;
      at += 1;
    }
    for (; at < piece.length; at += 1) {
      const byte = piece[at];
      if (byte === QUOTE) {
        this.inString = false;
        return at;
      }
      if (byte === BACKSLASH) {
        at += 1;
        if (at === piece.length) this.escaped = true;
      }
    }
    return at;
  }
}

/** Measures a text that is there as a whole. */
export function measureJson(text: Uint8Array): BodyMeasure {
  const meter = new JsonMeter();
  meter.read(text);
  return meter;
}

/** What the query of a request may have at most. */
export interface QueryBounds {
  /** Parameters, with empty ones. */
  parameters: number;
  /** Parameters of one name. NocoBase makes no list of more. */
  repeated: number;
  /** Levels of nesting, of brackets in a name and of JSON. */
  depth: number;
  /** Steps of one path: dots, and brackets in a name of JSON. */
  steps: number;
  /** Elements and members of one JSON text. */
  values: number;
  /** Names in all lists of fields together. A statement of PostgreSQL has 1,664 columns at most. */
  names: number;
}

/** What is counted, in words for an error. */
export type QueryUnit =
  'parameters' | 'parameters of one name' | 'levels of nesting' | 'steps in one path' | 'values' | 'names in its lists';

/** A bound that a query exceeds, in words for an error. */
export interface ExceededQuery {
  limit: number;
  unit: QueryUnit;
}

/** What makes a parameter worth a closer look. */
const STRUCTURE = /[[{%.,]/;
/** Parameters that NocoBase reads as lists of paths, separated by commas. */
const LIST = /^(?:fields|appends|except|sort|whitelist|blacklist|updateAssociationValues)(?:\[|$)/;
/** Records are named one by one, as many as a page of a table has. */
const KEYS = /^filterByTks?(?:\[|$)/;

const DOT = 0x2e;
const COMMA = 0x2c;
const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * A part of a query, decoded. If it is not encoded as it should be, only ASCII is decoded: parsers differ in the rest, and
 * nothing in it counts here.
 */
function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  }
}

function count(text: string, sign: number): number {
  let found = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) === sign) found += 1;
  return found;
}

/** The most dots between two commas. */
function longestPath(list: string): number {
  let most = 0;
  let dots = 0;
  for (let at = 0; at < list.length; at += 1) {
    const sign = list.charCodeAt(at);
    if (sign === COMMA) dots = 0;
    else if (sign === DOT) most = Math.max(most, (dots += 1));
  }
  return most;
}

/** What a JSON text has, without parsing it. */
export interface JsonSize {
  depth: number;
  values: number;
  /** The most dots and brackets in the name of a member: both separate the steps of a path. */
  steps: number;
}

const ESCAPED_STEP = /^u00(?:2e|5b)$/i;

/** Measures a text that may be JSON. */
export function jsonSize(text: string): JsonSize {
  let [level, depth, values, steps] = [0, 0, 0, 0];
  let inString = false;
  /** Of the last string. */
  let stringSteps = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (inString) {
      if (sign === QUOTE) inString = false;
      else if (sign === DOT || sign === OPENING_BRACKET) stringSteps += 1;
      else if (sign === BACKSLASH) {
        if (ESCAPED_STEP.test(text.slice(at + 1, at + 6))) stringSteps += 1;
        at += 1;
      }
    } else if (sign === QUOTE) {
      inString = true;
      stringSteps = 0;
    } else if (sign === COLON) {
      values += 1;
      if (stringSteps > steps) steps = stringSteps;
    } else if (sign === COMMA) {
      values += 1;
    } else if (sign === OPENING_BRACE || sign === OPENING_BRACKET) {
      values += 1;
      level += 1;
      if (level > depth) depth = level;
    } else if (sign === CLOSING_BRACE || sign === CLOSING_BRACKET) {
      level -= 1;
    }
  }
  return { depth, values, steps };
}

const tooDeep = ({ depth }: QueryBounds): ExceededQuery => ({ limit: depth, unit: 'levels of nesting' });
const tooLong = ({ steps }: QueryBounds): ExceededQuery => ({ limit: steps, unit: 'steps in one path' });

function exceededJson(text: string, bounds: QueryBounds): ExceededQuery | undefined {
  const { depth, values, steps } = jsonSize(text);
  if (depth > bounds.depth) return tooDeep(bounds);
  if (steps > bounds.steps) return tooLong(bounds);
  return values > bounds.values ? { limit: bounds.values, unit: 'values' } : undefined;
}

/** Measures the parameters of one query, one after another. */
class QueryMeter {
  private names = 0;
  private readonly byName = new Map<string, number>();

  /** @param counts whether there are enough parameters for one name to have too many */
  constructor(
    private readonly bounds: QueryBounds,
    private readonly counts: boolean,
  ) {}

  read(parameter: string): ExceededQuery | undefined {
    const { bounds, counts } = this;
    if (!counts && !STRUCTURE.test(parameter)) return undefined;
    // As NocoBase's parser does: a bracket that is followed by "=" ends the name.
    const bracketed = parameter.replace(/%5B/gi, '[').replace(/%5D/gi, ']');
    const bracket = bracketed.indexOf(']=');
    const end = bracket < 0 ? bracketed.indexOf('=') : bracket + 1;
    const name = decode(end < 0 ? bracketed : bracketed.slice(0, end));
    if (counts && !KEYS.test(name)) {
      const found = (this.byName.get(name) ?? 0) + 1;
      if (found > bounds.repeated) return { limit: bounds.repeated, unit: 'parameters of one name' };
      this.byName.set(name, found);
    }
    if (count(name, OPENING_BRACKET) > bounds.depth) return tooDeep(bounds);
    if (count(name, DOT) > bounds.steps) return tooLong(bounds);
    return end < 0 ? undefined : this.readValue(name, bracketed.slice(end + 1));
  }

  private readValue(name: string, encoded: string): ExceededQuery | undefined {
    const { bounds } = this;
    if (!STRUCTURE.test(encoded)) {
      if (LIST.test(name)) this.names += 1;
      return this.names > bounds.names ? this.tooManyNames() : undefined;
    }
    const value = decode(encoded);
    const first = value.trimStart().charCodeAt(0);
    if (first === OPENING_BRACE || first === OPENING_BRACKET) {
      const exceeded = exceededJson(value, bounds);
      if (exceeded) return exceeded;
    }
    if (!LIST.test(name)) return undefined;
    this.names += count(value, COMMA) + 1;
    if (this.names > bounds.names) return this.tooManyNames();
    return longestPath(value) > bounds.steps ? tooLong(bounds) : undefined;
  }

  private tooManyNames(): ExceededQuery {
    return { limit: this.bounds.names, unit: 'names in its lists' };
  }
}

/**
 * The first bound that the query of a request target exceeds, as text, before anything parses it; undefined if it exceeds
 * none. A target without a query costs one search.
 */
export function exceededQuery(target: string, bounds: QueryBounds): ExceededQuery | undefined {
  const mark = target.indexOf('?');
  if (mark < 0) return undefined;
  const parameters = target.slice(mark + 1).split('&');
  if (parameters.length > bounds.parameters) return { limit: bounds.parameters, unit: 'parameters' };
  const meter = new QueryMeter(bounds, parameters.length > bounds.repeated);
  for (const parameter of parameters) {
    const exceeded = meter.read(parameter);
    if (exceeded) return exceeded;
  }
  return undefined;
}

/** Whether an object or a list, such as a filter, is too deep or has too long a path. Stops where it does. */
export function exceededFilter(
  filter: unknown,
  bounds: Pick<QueryBounds, 'depth' | 'steps'>,
): ExceededQuery | undefined {
  const { depth, steps } = bounds;
  const visit = (value: unknown, level: number): ExceededQuery | undefined => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (level > depth) return { limit: depth, unit: 'levels of nesting' };
    const isList = Array.isArray(value);
    for (const [name, member] of Object.entries(value)) {
      if (!isList && name.length > steps && count(name, DOT) + count(name, OPENING_BRACKET) > steps) {
        return { limit: steps, unit: 'steps in one path' };
      }
      const exceeded = visit(member, level + 1);
      if (exceeded) return exceeded;
    }
    return undefined;
  };
  return visit(filter, 1);
}

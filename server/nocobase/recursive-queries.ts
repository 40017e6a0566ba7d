import type Database from '@nocobase/database';
import { AppError } from '../../src/errors';

/**
 * NocoBase follows an association to the records of the same table by a recursive statement, without an end if the records
 * form a circle. A member can make one, and the server then fills its disk. Here each record comes once. NocoBase then joins
 * the records in the shared thread, again without an end if they form a circle, and each with a search in the whole list.
 */

/** The statement as NocoBase writes it: pairs of a key and the key of the next record. Names of columns may hold anything. */
const BEGIN = /^WITH RECURSIVE cte AS \(\s*SELECT ["`]/;
const JOIN = /INNER JOIN cte ON t\.["`]/;
const STEP = /UNION ALL(?=\s+SELECT t\.["`])/g;

type Query = (sql: unknown, options?: { bind?: unknown }, ...rest: unknown[]) => Promise<unknown>;

/** Records that follow one another: NocoBase joins them by a function that calls itself, and so writes the answer. */
const MAX_STEPS = 200;
/** Comparisons for one statement; a fraction of a second. */
const MAX_COMPARISONS = 1_000_000;

/** Returns the statement with an end; any other one as it is. */
export function withEnd(sql: unknown): unknown {
  if (typeof sql !== 'string' || !BEGIN.test(sql) || !JOIN.test(sql)) return sql;
  return sql.replace(STEP, 'UNION');
}

type Pair = Readonly<Record<string, unknown>>;

const NAME = String.raw`("(?:[^"]|"")+"|\`(?:[^\`]|\`\`)+\`)`;
const NAMES = new RegExp(String.raw`SELECT ${NAME} AS ${NAME}, ${NAME} AS ${NAME} FROM cte\s*$`);

/** The names of the key and of the key of the next record, as the statement gives them. Names may hold anything. */
export function namesOf(sql: string): [string, string] | undefined {
  const [, , key, , next] = NAMES.exec(sql) ?? [];
  const plain = (name: string) => name.slice(1, -1).replaceAll(`${name[0]}${name[0]}`, name.slice(0, 1));
  return key !== undefined && next !== undefined ? [plain(key), plain(next)] : undefined;
}

/**
 * The records without those that form a circle: NocoBase ends at a record that is not there.
 * @param starts the keys of the records from which NocoBase follows
 * @throws APP_VALUE_INVALID if joining the records would take too long
 */
export function withoutCircles(
  pairs: readonly Pair[],
  [key, next]: [string, string],
  starts: readonly unknown[],
): Pair[] {
  const joints = pairs.filter((pair) => pair[next] !== null && pair[next] !== undefined);
  const following = new Map(joints.map((pair) => [String(pair[key]), String(pair[next])]));
  /** The records that follow each one; a circle has none. */
  const steps = new Map<string, number>();
  const inCircle = new Set<string>();
  for (const start of following.keys()) {
    const path: string[] = [];
    const places = new Map<string, number>();
    let at = start;
    while (following.has(at) && !steps.has(at) && !places.has(at)) {
      places.set(at, path.length);
      path.push(at);
      at = following.get(at) as string;
    }
    const circle = path.splice(places.get(at) ?? path.length);
    for (const one of circle) {
      inCircle.add(one);
      steps.set(one, 0);
    }
    for (const one of path.reverse()) steps.set(one, (steps.get(following.get(one) as string) ?? 0) + 1);
  }
  let joined = 0;
  let longest = 0;
  for (const start of starts) {
    const count = steps.get(String(start)) ?? 0;
    joined += count + 1;
    longest = Math.max(longest, count);
  }
  if (longest > MAX_STEPS || joined * pairs.length > MAX_COMPARISONS) {
    throw new AppError('APP_VALUE_INVALID', { field: 'appends', reason: 'too many records follow one another' });
  }
  return inCircle.size === 0 ? [...pairs] : pairs.filter((pair) => !inCircle.has(String(pair[key])));
}

/** Lets the statements of an application end that follow records of one table, and what NocoBase makes of them. */
export function endRecursion(db: Database): void {
  const sequelize = db.sequelize as unknown as { query: Query };
  const query = sequelize.query.bind(sequelize);
  const follow: Query = async (ended, options, ...rest) => {
    const found = await query(ended, options, ...rest);
    const names = namesOf(ended as string);
    const starts = options?.bind;
    return names && Array.isArray(found) && Array.isArray(starts)
      ? withoutCircles(found as Pair[], names, starts)
      : found;
  };
  // Not an async function: nearly all statements need no more promises than without us.
  sequelize.query = (sql, options, ...rest) => {
    const ended = withEnd(sql);
    return ended === sql ? query(sql, options, ...rest) : follow(ended, options, ...rest);
  };
}

import type Database from '@nocobase/database';

interface CreateOptions {
  values?: unknown;
  /** The whole list of which `values` is one element. */
  records?: unknown;
}

type Create = (options?: CreateOptions) => Promise<unknown>;

interface Repository {
  create?: Create;
}

type GetRepository = (name: string, sourceId?: unknown) => Repository | undefined;

/**
 * NocoBase passes the whole list on with each of its records, and Sequelize copies it five times for each: the work
 * grows with the square of the length, in long stretches of the thread.
 */
function withoutList(create: Create): Create {
  return (options) => {
    if (!options || !('records' in options)) return create(options);
    const { records: _, ...own } = options;
    return create(own);
  };
}

/**
 * In an association NocoBase begins all records of a list in the same turn of the event loop. Here each begins when the
 * one before has ended. After a failure those that wait fail alike: they share one transaction.
 */
function inTurn(create: Create): Create {
  let last: Promise<unknown> | undefined;
  return (options) => {
    // NocoBase's method calls this one for each element.
    if (Array.isArray(options?.values)) return create(options);
    const turn = last ? last.then(() => create(options)) : create(options);
    last = turn;
    const end = () => {
      if (last === turn) last = undefined;
    };
    turn.then(end, end);
    return turn;
  };
}

/** Repositories that write lists evenly already. */
const even = new WeakSet<object>();

/**
 * Makes the repositories of a database write the records of a list evenly: one after another, at the cost of one. For
 * the repositories that `getRepository` returns, as all actions of NocoBase get theirs.
 */
export function writeListsEvenly(db: Database): void {
  const source = db as unknown as { getRepository: GetRepository };
  const find = source.getRepository.bind(db);
  source.getRepository = (name, sourceId) => {
    const repository = find(name, sourceId);
    if (typeof repository?.create !== 'function' || even.has(repository)) return repository;
    even.add(repository);
    const create = repository.create.bind(repository);
    // A repository of an association is made for each call.
    repository.create = name.includes('.') ? inTurn(create) : withoutList(create);
    return repository;
  };
}

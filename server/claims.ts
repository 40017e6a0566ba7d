import type { AppRecord } from '../src/app-record';
import { AppError } from '../src/errors';
import type { Operation } from '../src/events';

/**
 * Applications whose creation or import is under way, and whose rows nobody sees yet: their names and their databases
 * are taken all the same. Of two who want the same at once, the second is refused.
 */
export class Claims {
  private readonly claimed = new Map<string, { record: AppRecord; operation: Operation }>();

  *all(): Iterable<AppRecord> {
    for (const { record } of this.claimed.values()) yield record;
  }

  find(name: string): AppRecord | undefined {
    return this.claimed.get(name)?.record;
  }

  underWay(name: string): Operation | undefined {
    return this.claimed.get(name)?.operation;
  }

  /** @returns gives it back; may be called again. @throws APP_NAME_TAKEN */
  take(record: AppRecord, { kind, by }: Pick<Operation, 'kind' | 'by'>): () => void {
    const { name } = record;
    this.assertFree(name);
    const operation = { kind, application: name, since: new Date().toISOString(), by };
    this.claimed.set(name, { record, operation });
    return () => {
      if (this.find(name) === record) this.claimed.delete(name);
    };
  }

  /** @throws APP_NAME_TAKEN */
  assertFree(name: string): void {
    const operation = this.underWay(name);
    if (operation) throw new AppError('APP_NAME_TAKEN', { name }, undefined, operation);
  }
}

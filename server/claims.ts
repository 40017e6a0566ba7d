import type { AppRecord } from '../src/app-record';
import { AppError } from '../src/errors';

/**
 * Applications whose creation or import is under way, and whose rows nobody sees yet: their names and their databases
 * are taken all the same. Of two who want the same at once, the second is refused.
 */
export class Claims {
  private readonly records = new Map<string, AppRecord>();

  all(): Iterable<AppRecord> {
    return this.records.values();
  }

  find(name: string): AppRecord | undefined {
    return this.records.get(name);
  }

  /** @returns gives it back; may be called again. @throws APP_NAME_TAKEN */
  take(record: AppRecord): () => void {
    const { name } = record;
    if (this.records.has(name)) throw new AppError('APP_NAME_TAKEN', { name });
    this.records.set(name, record);
    return () => {
      if (this.records.get(name) === record) this.records.delete(name);
    };
  }
}

import type { Application } from '@nocobase/server';
import type { AppRecord, Provisioning } from '../src/app-record';
import type { AppSecrets, SecretBox } from './databases/secrets';
import { COLLECTION, type Registry } from './registry';

/** What writing rows needs of the process around it. */
export interface RowsHost {
  registry: Registry;
  secretBox: SecretBox;
  fence: { outside<T>(work: () => T): T };
  mainApp(): Application;
  secrets(record: AppRecord): AppSecrets;
}

/** What the service itself writes into the rows of `applications`, past the hooks, and into memory. */
export class AppRows {
  /** Transactions in which rows are being created whose making is waited for: their rows are not visible outside. */
  readonly creations = new Map<string, unknown>();

  constructor(private readonly host: RowsHost) {}

  async markReady(name: string): Promise<void> {
    // One that is being removed is made all the same: it may be restored.
    const record = this.host.registry.find(name);
    if (!record) return;
    const { admin: _done, ...secrets } = this.host.secrets(record);
    const patch = {
      provisioning: { ...record.provisioning, step: undefined, readyAt: new Date().toISOString() },
      secrets: this.host.secretBox.seal(name, secrets),
      ...(record.startMode === 'manual' ? { stoppedAt: new Date() } : {}),
    };
    // The main application's connections are nobody else's work.
    await this.host.fence.outside(() => this.write(name, patch));
  }

  async noteProgress(name: string, progress: Partial<Provisioning>): Promise<void> {
    const provisioning = { ...this.host.registry.find(name)?.provisioning, ...progress };
    await this.host.fence.outside(() => this.write(name, { provisioning }));
  }

  /** Remembers when an application's own work is due (epoch milliseconds), across restarts; undefined means none. */
  async noteDue(name: string, at: number | undefined): Promise<void> {
    const nextDueAt = at === undefined ? undefined : new Date(at).toISOString();
    const record = this.host.registry.get(name);
    if (record && record.nextDueAt !== nextDueAt) await this.write(name, { nextDueAt: nextDueAt ?? null }, true);
  }

  /**
   * Writes columns of one row past the hooks, and the same into memory.
   * @param silent whether the row goes on saying when it was last changed
   */
  async write(name: string, patch: Record<string, unknown>, silent = false): Promise<void> {
    if (!this.host.registry.find(name)) return;
    const transaction = this.creations.get(name);
    await this.host
      .mainApp()
      .db.getModel(COLLECTION)
      .update(patch, { where: { name }, hooks: false, silent, transaction: transaction as never });
    const dates: Partial<AppRecord> = {};
    for (const field of ['stoppedAt', 'nextDueAt', 'removedAt'] as const) {
      const date = patch[field] as Date | string | null | undefined;
      if (field in patch) dates[field] = date ? new Date(date).toISOString() : undefined;
    }
    // Read again: the row may have been changed or removed while this was written.
    const latest = this.host.registry.find(name);
    if (latest) this.host.registry.put({ ...latest, ...(patch as Partial<AppRecord>), ...dates });
  }
}

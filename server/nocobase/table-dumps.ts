import type { Application } from '@nocobase/server';
import { changeHost } from './host-parts';

/**
 * The plugin `backup-restore` reads each table by one statement, and so may read more by it than others.
 */

const PLUGIN = 'backup-restore';
const FILE = '@nocobase/plugin-backup-restore/dist/server/dumper.js';

/** Runs a dump with the bound of dumps. */
type Widen = (dump: () => unknown) => unknown;

type Dump = (this: unknown, ...given: unknown[]) => unknown;

interface DumperClass {
  prototype: { dumpCollection?: Dump };
}

const widened = new WeakSet<object>();

/** Lets a dump read tables that are larger than what other statements may return. Once for each class. */
export function widenDumper({ prototype }: DumperClass, widen: Widen): void {
  if (widened.has(prototype)) return;
  const dump = prototype.dumpCollection;
  if (typeof dump !== 'function') throw new TypeError('it dumps tables in another way');
  widened.add(prototype);
  prototype.dumpCollection = function (...given) {
    return widen(() => dump.apply(this, given));
  };
}

/** The same for the plugin of this instance, if it has it. What is not found is logged. */
export function widenDumps(app: Application, widen: Widen, load?: (file: string) => unknown): void {
  if (!app.pm.get(PLUGIN)) return;
  const notice = 'backups do not hold tables of more than 200,000 rows: this version of NocoBase has another plugin';
  changeHost(app, notice, (ofHost) => {
    const { Dumper } = (load ?? ofHost)(FILE) as { Dumper: DumperClass };
    widenDumper(Dumper, widen);
  });
}

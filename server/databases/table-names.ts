import type { TableLayout } from './dialect';

/** A name of the core's in the spelling of the layout. */
export function casedName(name: string, { underscored }: Pick<TableLayout, 'underscored'>): string {
  return underscored ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
}

/** The table of a collection of the core's, without its schema. */
export function coreTable(collection: string, layout: TableLayout): string {
  return `${layout.tablePrefix}${casedName(collection, layout)}`;
}

/** The collection in which the core keeps its version; every installation has it. Its table carries the marker inside. */
export const VERSION_COLLECTION = 'applicationVersion';

/** The collection in which the plugin of the system settings keeps the title, the logo and the language. */
export const SETTINGS_COLLECTION = 'systemSettings';

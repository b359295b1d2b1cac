/** Settings as the operator uses them, too: what one is, how it is read, shown as a flag and in a table. */
export { type Address, parseAddress } from './address.ts';
export { withSettings } from './flags.ts';
export { environmentOf, loadSettings, type SettingSources } from './load.ts';
export type { Setting, Values } from './setting.ts';
export { settingsTable, withTable } from './table.ts';
export { oneOf, path } from './values.ts';

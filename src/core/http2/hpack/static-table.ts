// The HPACK static table (RFC 7541 appendix A): 61 entries, made once and shared by every connection, with the look-up
// from name and value that the encoder needs. A generated table: the rows are the appendix's.

import { createEntry, type TableEntry } from './dynamic-table.js';

const rows: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

export const STATIC_ENTRIES = rows.length;

/** By HPACK index: 1 to 61; index 0 is not used (RFC 7541 §6.1). */
export const staticTable: readonly (TableEntry | undefined)[] = [
  undefined,
  ...rows.map(([name, value]) => createEntry(name, value)),
];

export interface StaticName {
  /** The first index with this name. */
  readonly index: number;
  /** Index by value; only values that the table holds. */
  readonly values: ReadonlyMap<string, number>;
}

export const staticNames: ReadonlyMap<string, StaticName> = indexByName();

function indexByName(): Map<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  rows.forEach(([name, value], row) => {
    let entry = names.get(name);
    if (entry === undefined) {
      entry = { index: row + 1, values: new Map() };
      names.set(name, entry);
    }
    if (value !== '' && !entry.values.has(value)) entry.values.set(value, row + 1);
  });
  return names;
}

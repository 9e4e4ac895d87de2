// What is looked up in a decoded field section of HTTP/2 (RFC 9113 §8.3).

import { createHeaderList, type HeaderList } from '../../core/http2/hpack/decode.js';
import { createEntry } from '../../core/http2/hpack/dynamic-table.js';
import type { Field } from '../../core/trace.js';

export function valueIn(list: HeaderList, name: string): string | undefined {
  for (const entry of list.entries) if (entry.name === name) return entry.value;
  return undefined;
}

/** Without pseudo-header fields. */
export function regular(list: HeaderList): Field[] {
  return list.entries.filter(({ name }) => !name.startsWith(':')).map(({ field }) => field);
}

/** RFC 9110 §8.6: how much content a response announces; -1: it does not say, or it is one without content. */
export function announcedLength(list: HeaderList, method: string, status: number): number {
  const length = valueIn(list, 'content-length');
  const isCompared = method !== 'HEAD' && method !== '' && status !== 304 && length !== undefined;
  return isCompared && /^[0-9]{1,15}$/.test(length) ? Number(length) : -1;
}

/**
 * An extended CONNECT (RFC 8441 §4), which only a server that allows it gets, as the request that it is otherwise: with scheme and
 * path, as those of other methods. Our own server allows none.
 */
export function withoutProtocol(list: HeaderList): HeaderList {
  const { entries } = list;
  const regularAt = entries.findIndex(({ name }) => !name.startsWith(':'));
  const protocolAt = entries.findIndex(({ name }) => name === ':protocol');
  const isExtended = entries.some(({ name, value }) => name === ':method' && value === 'CONNECT');
  if (!isExtended || protocolAt < 0 || (regularAt >= 0 && regularAt < protocolAt)) return list;
  plain.entries.length = 0;
  for (const [at, entry] of entries.entries()) {
    if (at !== protocolAt) plain.entries.push(entry.name === ':method' ? createEntry(':method', 'GET') : entry);
  }
  return plain;
}

/** Of the section at hand: one for all. */
const plain = createHeaderList();

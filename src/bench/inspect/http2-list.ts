// What is looked up in a decoded field section of HTTP/2 (RFC 9113 §8.3).

import type { HeaderList } from '../../core/http2/hpack/decode.js';
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

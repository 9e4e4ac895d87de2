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

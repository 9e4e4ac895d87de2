// Bodies for handlers: bytes that exist, and a pattern of any length that exists only as it is read. Leaves out bodies
// that come from a request (http1/body.ts and its like).

import type { BodySource } from './message.js';

/** A whole content that is already in memory. Raises TypeError for what is no bytes, a text above all. */
export function bytesBody(bytes: Uint8Array): BodySource {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('bytesBody: a Uint8Array is wanted');
  let at = 0;
  return {
    length: bytes.length,
    read(maxBytes) {
      if (at === bytes.length) return undefined;
      const from = at;
      at = Math.min(at + maxBytes, bytes.length);
      return bytes.subarray(from, at);
    },
  };
}

/** The same content as `source` and nothing else of it: for what must not pass on trailer fields. */
export function contentOf(source: BodySource): BodySource {
  if (source.trailers === undefined) return source;
  return {
    length: source.length,
    get dueUs() {
      return source.dueUs;
    },
    read: (maxBytes, nowUs) => source.read(maxBytes, nowUs),
    cancel: () => source.cancel?.(),
  };
}

/** The largest prime below 2^16: no power of two and no segment size divides it, so a lost or doubled piece shows. */
export const PATTERN_PERIOD = 65_521;
/** One period and the beginning of the next: any place has a view of up to this many bytes. */
const VIEW_BYTES = 65_536;
const block = new Uint8Array(PATTERN_PERIOD + VIEW_BYTES);
for (let i = 0; i < block.length; i++) block[i] = patternByte(i);

/** The byte of the pattern at `offset`: with r = offset mod 65521, `(r xor (r >> 8)) and 255`. */
export function patternByte(offset: number): number {
  const r = offset % PATTERN_PERIOD;
  return (r ^ (r >> 8)) & 0xff;
}

/** `length` bytes of the pattern from offset `start` on; both, and their sum, up to 2^53-1. */
export function patternBody(length: number, start = 0): BodySource {
  let at = start;
  const end = start + length;
  return {
    length,
    read(maxBytes) {
      if (at === end) return undefined;
      const from = at % PATTERN_PERIOD;
      const count = Math.min(maxBytes, VIEW_BYTES, end - at);
      at += count;
      return block.subarray(from, from + count);
    },
  };
}

/** Tells a source that nobody reads on. Its owner is outside the core's care: what it throws changes nothing. */
export function cancelSource(source: BodySource): void {
  try {
    source.cancel?.();
  } catch {
    // The exchange is over either way.
  }
}
